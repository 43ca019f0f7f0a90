import { ipBatch } from '../../../src/sandbox/machine/netns.ts';
import { LoadedPath } from '../wire/load.ts';
import { Namespaces } from '../wire/paths.ts';

const NODES = { a: '172.18.0.2', b: '172.18.0.3' } as const;
const PODS = { a: '10.255.252.1', b: '10.255.252.2' } as const;
const [VNI, PORT, MTU] = [100, 4789, 1450];

/** Two nodes in the sandbox's shape, each with a pod at a bridge, and a plain VXLAN device between the bridges. No policy. */
export class VxlanNodes implements AsyncDisposable {
  readonly #namespaces = new Namespaces('vxlan');
  readonly #paths: LoadedPath[] = [];

  private constructor() {
    // See `up`.
  }

  /** From pod to pod through the tunnel, and from node to node without it. */
  static async up(): Promise<{ nodes: VxlanNodes; tunnel: LoadedPath; underlay: LoadedPath }> {
    const nodes = new VxlanNodes();
    try {
      const { a, b, client, server } = await nodes.#build();
      const tunnel = await nodes.#load(client, server, PODS.b);
      const underlay = await nodes.#load(a, b, NODES.b);
      return { nodes, tunnel, underlay };
    } catch (error) {
      await nodes[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #load(client: string, server: string, serverAddr: string): Promise<LoadedPath> {
    const path = await LoadedPath.on({ client, server, serverAddr, close: async () => undefined });
    this.#paths.push(path);
    return path;
  }

  async #build() {
    const world = await this.#namespaces.add('w');
    const [a, b] = [await this.#namespaces.add('a'), await this.#namespaces.add('b')];
    const [client, server] = [await this.#namespaces.add('c'), await this.#namespaces.add('s')];
    await ipBatch(world, ['link add br0 type bridge stp_state 0 forward_delay 0', 'link set br0 up']);
    for (const [index, node, pod] of [
      ['a', a, client],
      ['b', b, server],
    ] as const) {
      const other = index === 'a' ? NODES.b : NODES.a;
      await ipBatch(world, [
        `link add up${index} type veth peer name eth0 netns ${node}`,
        `link set up${index} master br0 up`,
      ]);
      await ipBatch(node, [
        'link set lo up',
        `addr add ${NODES[index]}/16 dev eth0`,
        'link set eth0 up',
        `link add vxlan0 mtu ${MTU} type vxlan id ${VNI} local ${NODES[index]} remote ${other} dstport ${PORT} dev eth0`,
        'link add br0 type bridge stp_state 0 forward_delay 0',
        `link add pod0 type veth peer name eth0 netns ${pod}`,
        'link set vxlan0 master br0 up',
        'link set pod0 master br0 up',
        'link set br0 up',
      ]);
      await ipBatch(pod, ['link set lo up', `link set eth0 mtu ${MTU} up`, `addr add ${PODS[index]}/24 dev eth0`]);
    }
    return { a, b, client, server };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#paths.splice(0)) await path[Symbol.asyncDispose]();
    await this.#namespaces.close();
  }
}
