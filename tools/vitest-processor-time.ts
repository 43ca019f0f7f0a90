/** With MEMBRANE_PROCESSOR_TIME=FILE: what each file of tests took of processors; one with a view, with all that it started. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { afterAll, expect } from 'vitest';

const told = process.env['MEMBRANE_PROCESSOR_TIME'];
/** Seconds of the files before it in this process; of the process, because this module begins anew with each file. */
const own = globalThis as { membraneProcessorTime?: readonly number[] };

if (told !== undefined) {
  const root = join(import.meta.dirname, '..');
  afterAll(() => {
    const now = process.env['MEMBRANE_HAS_VIEW'] === 'yes' ? ofView() : ofProcess();
    const before = own.membraneProcessorTime ?? [];
    own.membraneProcessorTime = now;
    const file = relative(root, expect.getState().testPath ?? '');
    const seconds = now.map((one, index) => (one - (before[index] ?? 0)).toFixed(2));
    appendFileSync(resolve(root, told), `${seconds.join(' ')} ${file}\n`);
  });
}

/** All, in user space, in the kernel. */
function ofView(): number[] {
  // To a view its own cgroup is the topmost.
  const mount = / (\S+) cgroup2 /.exec(readFileSync('/proc/mounts', 'utf8'))?.[1] ?? '';
  const lines = readFileSync(join(mount, 'cpu.stat'), 'utf8').split('\n');
  return lines.slice(0, 3).map((line) => Number(line.split(' ')[1]) / 1e6);
}

function ofProcess(): number[] {
  const { user, system } = process.cpuUsage();
  return [user + system, user, system].map((microseconds) => microseconds / 1e6);
}
