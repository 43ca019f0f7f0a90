import type { Finding } from '../../api/index.ts';
import { bounded, fine } from './finding.ts';

/** Whether flows reach the file that they are to be written to. */
export function judgeExport(standing: { readonly problems: readonly string[]; readonly fine: string }): Finding[] {
  const check = 'flow export';
  if (standing.problems.length === 0) return [fine(check, standing.fine)];
  const remedy =
    'Make space, or give flowExport.file a path that root can write: it is tried each second, and what comes meanwhile is counted.';
  return bounded(standing.problems.map((evidence) => ({ severity: 'warning', check, evidence, remedy })));
}
