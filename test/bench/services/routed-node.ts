import { run } from '../../../src/sandbox/machine/command.ts';
import { inNetnsArgv, ipBatch, netnsPath, setSysctls } from '../../../src/sandbox/machine/netns.ts';
import { NODE_SYSCTLS } from '../../../src/sandbox/machine/topology.ts';
import { Namespaces } from '../wire/paths.ts';
import { type Client, clientIn } from './client.ts';
import { Listener, type Listening } from './listener.ts';

export const POD_CIDR = '10.244.0.0/16';
export const POD = '10.244.2.2';
export const NODE_ADDR = '172.18.0.2';

/** A client and a server pod behind a node that only routes, and a world behind a bridge, in the sandbox's shape. */
export class RoutedNode implements AsyncDisposable {
  readonly #namespaces: Namespaces;
  readonly #listeners: Listener[] = [];
  #netns = { pod: '', client: '', world: '', node: '' };

  private constructor(name: string) {
    this.#namespaces = new Namespaces(name);
  }

  /** `rules`: for iptables-restore; without them the node has no netfilter hook at all. */
  static async up(name: string, listening: readonly Listening[], rules?: string): Promise<RoutedNode> {
    const node = new RoutedNode(name);
    try {
      await node.#build(rules);
      for (const wanted of listening) node.#listeners.push(await Listener.on(node.#netns.pod, wanted));
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  get client(): Client {
    return clientIn(this.#netns.client);
  }

  get world(): Client {
    return clientIn(this.#netns.world);
  }

  async #build(rules: string | undefined): Promise<void> {
    const [node, client, pod, world] = [
      await this.#namespaces.add('n'),
      await this.#namespaces.add('c'),
      await this.#namespaces.add('s'),
      await this.#namespaces.add('w'),
    ];
    await setSysctls(netnsPath(node), NODE_SYSCTLS);
    await ipBatch(world, [
      'link set lo up',
      'link add br0 type bridge stp_state 0 forward_delay 0',
      'addr add 172.18.0.1/16 dev br0',
      'link set br0 up',
      `link add up0 type veth peer name eth0 netns ${node}`,
      'link set up0 master br0 up',
    ]);
    await ipBatch(node, [
      'link set lo up',
      `addr add ${NODE_ADDR}/16 dev eth0`,
      'link set eth0 up',
      'route add default via 172.18.0.1 dev eth0',
      `link add c0 type veth peer name eth0 netns ${client}`,
      'addr add 10.244.1.1/24 dev c0',
      'link set c0 up',
      `link add s0 type veth peer name eth0 netns ${pod}`,
      'addr add 10.244.2.1/24 dev s0',
      'link set s0 up',
    ]);
    for (const [netns, addr, gateway] of [
      [client, '10.244.1.2', '10.244.1.1'],
      [pod, POD, '10.244.2.1'],
    ] as const) {
      await ipBatch(netns, [
        'link set lo up',
        `addr add ${addr}/24 dev eth0`,
        'link set eth0 up',
        `route add default via ${gateway} dev eth0`,
      ]);
    }
    const paths = { pod: netnsPath(pod), client: netnsPath(client), world: netnsPath(world), node: netnsPath(node) };
    this.#netns = paths;
    if (rules === undefined) return;
    await run(inNetnsArgv(paths.node, ['iptables-legacy-restore', '-w', '5']), { input: rules, timeoutMs: 120_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners.splice(0)) listener[Symbol.dispose]();
    await this.#namespaces.close();
  }
}
