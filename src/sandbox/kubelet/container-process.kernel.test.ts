import { afterEach, expect, it } from 'vitest';
import { Cgroup, inCgroupArgv } from '../machine/index.ts';
import { ContainerProcess } from './container-process.ts';

const cgroup = Cgroup.root().child('container-process');

afterEach(async () => {
  await Cgroup.root().remove();
});

it('ends a process that has not come into its cgroup yet', async () => {
  Cgroup.root().create();
  cgroup.create();
  const inside = inCgroupArgv(cgroup.procsFile, ['sleep', 'infinity']);
  const argv = ['sh', '-c', 'sleep 0.5; exec "$@"', 'sh', ...inside];
  const process = new ContainerProcess({ argv, env: {}, cgroup });
  await process.stop(0, AbortSignal.abort());
  expect((await process.exited).exitCode).toBe(137);
});
