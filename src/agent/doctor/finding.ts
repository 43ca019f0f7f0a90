import { type Finding, SEVERITIES } from '../../api/index.ts';

/** What a list says by name; the rest is a number, however many there are. */
const MAX_NAMED = 10;
/** Of one kind; the worst stay. */
const MAX_FINDINGS = 16;

export function fine(check: string, evidence: string): Finding {
  return { severity: 'ok', check, evidence };
}

/** `a, b and 3 more`. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMED).join(', ');
  return names.length > MAX_NAMED ? `${shown} and ${names.length - MAX_NAMED} more` : shown;
}

/** So many that somebody reads them, and a last one that says how many more there are. */
export function bounded(findings: readonly Finding[]): Finding[] {
  const sorted = SEVERITIES.flatMap((one) => findings.filter(({ severity }) => severity === one));
  const [next] = sorted.slice(MAX_FINDINGS);
  if (next === undefined) return sorted;
  const evidence = `${sorted.length - MAX_FINDINGS} more of these, at worst ${next.severity}`;
  return [...sorted.slice(0, MAX_FINDINGS), { ...next, evidence }];
}
