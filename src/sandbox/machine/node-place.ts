import { join } from 'node:path';
import { AGENT_STATE_DIR, NETNS_DIR, PIN_DIR, STATE_DIR } from './paths.ts';

/** How many nodes a sandbox may start with. */
export const MAX_NODES = 8;
/** And how many numbers there are for those that join it. */
export const MOST_NODES = 16;

/** Names, addresses and files of node number `index` (from 1). */
export type NodePlace = {
  readonly index: number;
  readonly name: string;
  readonly netns: string;
  readonly netnsPath: string;
  /** On the uplink `eth0`, in 172.18.0.0/16. */
  readonly ip: string;
  readonly podCidr: string;
  /** Files of the kubelet: logs, CNI configuration and cache. */
  readonly dir: string;
  /** Files of the agent: sockets, endpoints. */
  readonly agentDir: string;
  readonly pinDir: string;
  readonly kubeconfig: string;
};

export function nodePlace(index: number): NodePlace {
  const name = `node-${index}`;
  const dir = join(STATE_DIR, name);
  return {
    index,
    name,
    netns: `mbr-${name}`,
    netnsPath: join(NETNS_DIR, `mbr-${name}`),
    ip: `172.18.0.${index + 1}`,
    podCidr: `10.244.${index}.0/24`,
    dir,
    agentDir: join(AGENT_STATE_DIR, name),
    pinDir: join(PIN_DIR, name),
    kubeconfig: join(dir, 'kubeconfig'),
  };
}
