import { statfsSync, statSync } from 'node:fs';
import { errorMessage } from '../../base/index.ts';
import { agentErrors } from '../errors.ts';

const NSFS_MAGIC = 0x6e736673;
const OWN = '/proc/thread-self/ns/net';

/** E_AGENT_NETNS unless the path names a network namespace, and not the node's: a pod in it would be the node. */
export function requirePodNetns(path: string): void {
  let problem: string | undefined;
  try {
    const own = statSync(OWN);
    const found = statSync(path);
    if (statfsSync(path).type !== NSFS_MAGIC) problem = 'is not a namespace';
    else if (found.ino === own.ino && found.dev === own.dev) problem = "is the node's own";
  } catch (error) {
    problem = errorMessage(error);
  }
  if (problem !== undefined) throw agentErrors.make('E_AGENT_NETNS', { detail: `${JSON.stringify(path)}: ${problem}` });
}
