import { expect, test } from 'vitest';
import { findCgroupRoot } from './cgroup-root.ts';

const v2 = (where: string, root = '/') =>
  `29 22 0:26 ${root} ${where} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate`;
const v1 = (name: string) => `31 30 0:28 / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`;
const U = '/sys/fs/cgroup/unified';
const inside = (...paths: string[]) => paths.flatMap((path) => [path, `${path}/cgroup.events`]);

test.each([
  ['unified', [v2('/sys/fs/cgroup')], ['/sys/fs/cgroup', ...inside('/sys/fs/cgroup/kubepods.slice')], '/sys/fs/cgroup'],
  [
    'unified, cgroupfs driver',
    [v2('/sys/fs/cgroup')],
    ['/sys/fs/cgroup', ...inside('/sys/fs/cgroup/kubepods')],
    '/sys/fs/cgroup',
  ],
  ['unified, before there is a pod', [v2('/sys/fs/cgroup')], ['/sys/fs/cgroup'], '/sys/fs/cgroup'],
  ['hybrid, pods in v1 only', [v1('memory'), v1('cpu'), v2(U)], [U], U],
  ['hybrid, systemd', [v1('memory'), v2(U)], [U, ...inside(`${U}/system.slice`, `${U}/kubepods.slice`)], U],
  ['v1 only', [v1('memory'), v1('cpu')], [], undefined],
  [
    'a part only, with the pods',
    [v2('/sys/fs/cgroup')],
    inside('/sys/fs/cgroup', '/sys/fs/cgroup/kubepods'),
    '/sys/fs/cgroup/kubepods',
  ],
  ['a part only, the agent’s own', [v2('/sys/fs/cgroup')], inside('/sys/fs/cgroup'), undefined],
  [
    'a part of its own and the whole',
    [v2('/sys/fs/cgroup'), v2('/run/host cgroup'.replace(' ', '\\040'))],
    [...inside('/sys/fs/cgroup'), '/run/host cgroup'],
    '/run/host cgroup',
  ],
  ['a mount that is not in sight', [v2('/gone')], [], undefined],
])('%s', (_, mounts, present, expected) => {
  const mountinfo = ['22 1 8:1 / / rw - ext4 /dev/sda rw', ...mounts, ''].join('\n');
  expect(findCgroupRoot({ mountinfo, exists: (path) => present.includes(path) })).toBe(expected);
});
