import type { Finding } from '../../api/index.ts';
import { bounded, fine } from './finding.ts';

/** Whether flows reach the file that they are to be written to, and the collector that they are to be sent to. */
export function judgeExport(standing: { readonly problems: readonly string[]; readonly fine: string }): Finding[] {
  const check = 'flow export';
  if (standing.problems.length === 0) return [fine(check, standing.fine)];
  const remedy =
    'Make space, or give flowExport.file a path that root can write; or see to the collector at otlp.endpoint, its certificate and headers. It is tried again, and what comes meanwhile is counted.';
  return bounded(standing.problems.map((evidence) => ({ severity: 'warning', check, evidence, remedy })));
}
