import type { Finding } from '../../api/index.ts';
import { bounded, fine } from './finding.ts';

/** A policy that is not in force as it is written. */
export type ClosedPolicy = { readonly name: string; readonly text: string; readonly remedy?: string };

const REMEDY = 'Write it as this version understands it, or take an agent that knows the field: until then it closes.';

export function judgePolicies(closed: readonly ClosedPolicy[]): Finding[] {
  const check = 'policies';
  if (closed.length === 0) return [fine(check, 'all are in force as they are written')];
  return bounded(
    closed.map(({ name, text, remedy }) => ({
      severity: 'warning',
      check,
      evidence: `${name}: ${text}`,
      remedy: remedy ?? REMEDY,
    })),
  );
}
