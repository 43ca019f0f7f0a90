import { Cgroup, inCgroupArgv } from './cgroup.ts';
import { inNetnsArgv } from './netns.ts';
import type { NodePlace } from './node-place.ts';

/**
 * argv that runs something as a process of a node, with all of the machine's privileges: in its network namespace and below
 * its cgroup, as a system service is, so that services answer it.
 */
export function nodeArgv(node: NodePlace, argv: readonly string[]): string[] {
  const { procsFile } = Cgroup.root().child(node.name).child('system').create();
  return inCgroupArgv(procsFile, inNetnsArgv(node.netnsPath, argv));
}
