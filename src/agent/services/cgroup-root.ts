import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where kubelet puts pods (cgroup drivers systemd and cgroupfs). */
const KUBEPODS = ['kubepods.slice', 'kubepods'];
/** A file that every cgroup v2 has but the root of the hierarchy. */
const NOT_AT_ROOT = 'cgroup.events';

/** What the finder looks at. */
export type CgroupView = {
  /** Text of /proc/self/mountinfo (proc(5)). */
  readonly mountinfo: string;
  readonly exists: (path: string) => boolean;
};

export const machineCgroups = (): CgroupView => ({
  mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'),
  exists: existsSync,
});

/**
 * The cgroup v2 that all of a node's processes are below, pods and the node's own: the root of the hierarchy, in whatever
 * layout (unified, hybrid beside the v1 controllers, below systemd's slices or not), since each process is somewhere in it
 * even where v1 holds its limits. An agent that sees only a part of it (a cgroup namespace of its own) finds that of the
 * pods, when it is in that part. Undefined: nothing of the kind is in sight.
 */
export function findCgroupRoot({ mountinfo, exists }: CgroupView): string | undefined {
  const mounts = mountinfo.split('\n').flatMap(cgroup2Mount);
  return (
    mounts.find((mount) => exists(mount) && !exists(join(mount, NOT_AT_ROOT))) ??
    mounts.flatMap((mount) => KUBEPODS.map((name) => join(mount, name))).find(exists)
  );
}

/** `36 35 98:0 /root /mount/point options [optional...] - type source options`, blanks and the like as octal escapes. */
function cgroup2Mount(line: string): string[] {
  const [before = '', after = ''] = line.split(' - ');
  const where = before.split(' ')[4];
  if (where === undefined || !after.startsWith('cgroup2 ')) return [];
  return [where.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))];
}
