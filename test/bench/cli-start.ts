import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Family } from './row.ts';
import { summary } from './stats.ts';

const MEMBRANE = join(import.meta.dirname, '../../membrane');
const STARTS = 20;

function start(): number {
  const begin = performance.now();
  const { status } = spawnSync(MEMBRANE, ['version'], { stdio: 'ignore' });
  if (status !== 0) throw new Error(`membrane version: exit code ${status}`);
  return performance.now() - begin;
}

/** From the shell to the end of the shortest command. */
export const cliStart: Family = {
  rows: ['cli.start'],
  run: async (report) => {
    start();
    const times = Array.from({ length: STARTS }, start);
    report({
      name: 'cli.start',
      ...summary(times),
      unit: 'ms',
      target: { of: 'value', bound: 'at most', limit: 150 },
      note: 'membrane version',
    });
  },
};
