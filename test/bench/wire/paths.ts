import { run } from '../../../src/sandbox/machine/command.ts';
import {
  createNetns,
  deleteNetns,
  inNetnsArgv,
  ipBatch,
  netnsPath,
  setSysctls,
} from '../../../src/sandbox/machine/netns.ts';
import type { Path } from './load.ts';

const CLIENT = '10.255.250.1';
const SERVER = '10.255.250.2';

/** Namespaces of one path, all gone after `close`. */
export class Namespaces {
  readonly #names: string[] = [];
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = `mbr-bench-${prefix}`;
  }

  async add(role: string): Promise<string> {
    const name = `${this.#prefix}-${role}`;
    // Of a run that was killed.
    await deleteNetns(name);
    await createNetns(name);
    this.#names.push(name);
    return name;
  }

  async close(): Promise<void> {
    for (const name of this.#names.splice(0)) await deleteNetns(name);
  }
}

/** Two namespaces and one veth pair between them: nothing can be faster. */
export async function barePair(): Promise<Path> {
  const namespaces = new Namespaces('pair');
  try {
    const [client, server] = [await namespaces.add('c'), await namespaces.add('s')];
    await ipBatch(client, [
      `link add eth0 type veth peer name eth0 netns ${server}`,
      `addr add ${CLIENT}/24 dev eth0`,
      'link set lo up',
      'link set eth0 up',
    ]);
    await ipBatch(server, [`addr add ${SERVER}/24 dev eth0`, 'link set lo up', 'link set eth0 up']);
    return { client, server, serverAddr: SERVER, close: () => namespaces.close() };
  } catch (error) {
    await namespaces.close();
    throw error;
  }
}

/** A Linux bridge between the two pairs whose packets iptables judges, by rules of which the last but the policy matches. */
export async function bridgeWithRules(name: string, rules: number): Promise<Path> {
  const namespaces = new Namespaces(name);
  try {
    const [client, server, bridge] = [await namespaces.add('c'), await namespaces.add('s'), await namespaces.add('b')];
    await ipBatch(bridge, [
      'link add br0 type bridge',
      'link set br0 up',
      `link add c0 type veth peer name eth0 netns ${client}`,
      `link add s0 type veth peer name eth0 netns ${server}`,
      'link set c0 master br0 up',
      'link set s0 master br0 up',
    ]);
    for (const [netns, addr] of [
      [client, CLIENT],
      [server, SERVER],
    ] as const) {
      await ipBatch(netns, [`addr add ${addr}/24 dev eth0`, 'link set lo up', 'link set eth0 up']);
    }
    const path = netnsPath(bridge);
    await setSysctls(path, { 'net/bridge/bridge-nf-call-iptables': 1 });
    await run(inNetnsArgv(path, ['iptables-restore', '-w', '5']), { input: ruleSet(rules) });
    return { client, server, serverAddr: SERVER, close: () => namespaces.close() };
  } catch (error) {
    await namespaces.close();
    throw error;
  }
}

function ruleSet(count: number): string {
  const rules = Array.from({ length: count }, (_, index) => {
    const source = `10.${(index >> 14) & 127}.${(index >> 6) & 255}.${(index & 63) + 1}`;
    return `-A FORWARD -s ${source}/32 -p tcp -m tcp --dport ${1000 + (index % 50_000)} -j DROP`;
  });
  return ['*filter', ':INPUT ACCEPT', ':FORWARD ACCEPT', ':OUTPUT ACCEPT', ...rules, 'COMMIT', ''].join('\n');
}
