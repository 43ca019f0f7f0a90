import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Family } from './row.ts';
import { median, summary } from './stats.ts';

const MEMBRANE = join(import.meta.dirname, '../../membrane');
const STARTS = 20;

function run(file: string, ...args: string[]): number {
  const begin = performance.now();
  const { status } = spawnSync(file, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: exit code ${status}`);
  return performance.now() - begin;
}

/** From the shell to the end of the shortest command; the baseline says how much of it is the runtime on this machine. */
export const cliStart: Family = {
  rows: ['cli.start'],
  run: async (report) => {
    const pair = () => ({ ours: run(MEMBRANE, 'version'), bare: run(process.execPath, '-e', '0') });
    pair();
    const pairs = Array.from({ length: STARTS }, pair);
    report({
      name: 'cli.start',
      ...summary(pairs.map(({ ours }) => ours)),
      unit: 'ms',
      baseline: 'ms, node alone',
      baselineValue: median(pairs.map(({ bare }) => bare)),
      ratio: median(pairs.map(({ ours, bare }) => ours / bare)),
      target: { of: 'value', bound: 'at most', limit: 150 },
      note: 'membrane version',
    });
  },
};
