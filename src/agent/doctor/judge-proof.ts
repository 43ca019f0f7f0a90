import type { Finding } from '../../api/index.ts';
import { bounded, fine } from './finding.ts';

/** Rows of the kernel against objects, as the agent compares them each minute. */
export function judgeProof(standing: { readonly problems: readonly string[]; readonly fine: string }): Finding[] {
  const check = 'proof';
  if (standing.problems.length === 0) return [fine(check, standing.fine)];
  const remedy =
    '"membrane verify" names rows, pairs and packets; find out who writes them. An agent that starts again makes the maps anew.';
  return bounded(standing.problems.map((evidence) => ({ severity: 'critical', check, evidence, remedy })));
}
