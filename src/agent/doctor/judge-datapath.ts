import type { Finding } from '../../api/index.ts';
import { bounded, fine } from './finding.ts';

/** Programs, their constants and their maps, against what they should be. */
export function judgeDatapath(problems: readonly string[]): Finding[] {
  const check = 'datapath';
  if (problems.length === 0) return [fine(check, 'programs, constants and maps in the kernel are what they should be')];
  const remedy = 'The agent puts right what it can within 10 s: look again, and find out who changes it.';
  return bounded(problems.map((evidence) => ({ severity: 'critical', check, evidence, remedy })));
}
