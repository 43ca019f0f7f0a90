import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where `tools/setup.sh` puts it. */
const FETCHED = fileURLToPath(new URL('../../build/tools/promtool', import.meta.url));

/** Prometheus' own judge of what is told; undefined: this machine has none. */
export const PROMTOOL = existsSync(FETCHED)
  ? FETCHED
  : spawnSync('promtool', ['--version']).status === 0
    ? 'promtool'
    : undefined;

/** What it finds wrong, a line each. */
export function wrongMetrics(promtool: string, text: string): string[] {
  const { status, stdout, stderr, error } = spawnSync(promtool, ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  const lines = (stdout + stderr).split('\n').filter((line) => line !== '');
  return status === 0 || lines.length > 0 ? lines : [`exit code ${status}`];
}
