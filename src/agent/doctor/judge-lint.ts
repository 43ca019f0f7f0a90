import type { Finding } from '../../api/index.ts';
import type { LintFinding } from '../../policy/index.ts';
import { bounded, fine } from './finding.ts';

/** What `membrane policy lint` says, in the doctor's words. */
export function judgeLint(findings: readonly LintFinding[]): Finding[] {
  const check = 'policy lint';
  if (findings.length === 0) return [fine(check, 'nothing that is hardly meant')];
  return bounded(
    findings.map(({ severity, object, field, why, remedy }) => ({
      severity,
      check,
      evidence: `${object}${field === undefined ? '' : `, ${field}`}: ${why}`,
      remedy,
    })),
  );
}
