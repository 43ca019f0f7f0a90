/** With MEMBRANE_PROCESSOR_TIME=FILE: what each file of kernel tests took of processors, it and all that it started. */
import { appendFileSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { afterAll, expect } from 'vitest';

const told = process.env['MEMBRANE_PROCESSOR_TIME'];

if (told !== undefined) {
  const root = join(import.meta.dirname, '..');
  // Of the view, which one file has for itself: to it this cgroup is the topmost.
  const mount = / (\S+) cgroup2 /.exec(readFileSync('/proc/mounts', 'utf8'))?.[1] ?? '';
  afterAll(() => {
    const [all = 0, user = 0, system = 0] = readFileSync(join(mount, 'cpu.stat'), 'utf8')
      .split('\n')
      .map((line) => Number(line.split(' ')[1]) / 1e6);
    const file = relative(root, expect.getState().testPath ?? '');
    const seconds = [all, user, system].map((one) => one.toFixed(2));
    appendFileSync(resolve(root, told), `${seconds.join(' ')} ${file}\n`);
  });
}
