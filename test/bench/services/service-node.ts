import { setTimeout as sleep } from 'node:timers/promises';
import { MapSet, type ServiceKey, type ServiceMaps, serviceMaps } from '../../../src/datapath/index.ts';
import { type Addr, PROTOCOL_NUMBERS, parseAddr } from '../../../src/net/index.ts';
import { netnsPath } from '../../../src/sandbox/machine/netns.ts';
import { WORLD } from '../../../src/sandbox/machine/paths.ts';
import { BenchCluster, NAMESPACE, NODE, podManifest } from '../cluster/bench-cluster.ts';
import { type Client, clientBy, clientIn } from './client.ts';
import { Listener, type Listening } from './listener.ts';
import { createMany } from './many-services.ts';

export const TCP_PORT = 5201;
export const UDP_PORT = 5202;
export const LISTENING: readonly Listening[] = [
  { kind: 'server', port: TCP_PORT },
  { kind: 'sink', port: UDP_PORT },
];
export const NODE_PORTS = { tcp: 30_080, udp: 30_081 } as const;
const SERVICE_PORT = 80;
const TARGET = 'target';
const CLIENT = 'client';
const FILL_MS = 60_000;

/** The sandbox with its agent, a client pod, and a pod behind a service with a cluster address and node ports. */
export class ServiceNode implements AsyncDisposable {
  readonly cluster: BenchCluster;
  readonly #maps: MapSet;
  readonly #listeners: Listener[] = [];
  /** The kernel's. */
  readonly maps: ServiceMaps;
  /** Frontends of cluster addresses that are there without the many. */
  #base = 0;
  #many = 0;
  #clusterIp = '';
  #pod = '';

  private constructor(cluster: BenchCluster) {
    this.cluster = cluster;
    this.#maps = new MapSet({ pinDir: cluster.sandbox.node(NODE).pinDir });
    this.maps = serviceMaps(this.#maps);
  }

  static async up(): Promise<ServiceNode> {
    const cluster = await BenchCluster.up();
    let node: ServiceNode | undefined;
    try {
      node = new ServiceNode(cluster);
      await node.#prepare();
      return node;
    } catch (error) {
      await (node ?? cluster)[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    const { cluster } = this;
    cluster.create(podManifest(TARGET, { role: TARGET }));
    cluster.create(podManifest(CLIENT, { role: CLIENT }));
    cluster.create(targetPolicy());
    cluster.create(targetService());
    await cluster.sandbox.waitReady({ timeoutMs: 30_000 });
    this.#pod = await cluster.addressOf(TARGET);
    const netns = await cluster.netnsOf(TARGET);
    for (const wanted of LISTENING) this.#listeners.push(await Listener.on(netns, wanted));
    this.#clusterIp = await this.clusterIpOf(NAMESPACE, TARGET);
    await eventually('the service is in the kernel', async () => {
      const value = this.maps.services.get(frontend(this.#clusterIp));
      return (value?.count ?? 0) > 0;
    });
    this.#base = await this.#count();
  }

  /** The service's cluster address. */
  get service(): { addr: string; port: number } {
    return { addr: this.#clusterIp, port: SERVICE_PORT };
  }

  /** Its pod. */
  get direct(): { addr: string; port: number } {
    return { addr: this.#pod, port: TCP_PORT };
  }

  nodePort(protocol: 'tcp' | 'udp'): { addr: string; port: number } {
    return { addr: this.cluster.sandbox.node(NODE).ip, port: NODE_PORTS[protocol] };
  }

  /** As a process of the client pod. */
  get client(): Client {
    return clientBy((argv) => this.cluster.sandbox.podCommand(NAMESPACE, CLIENT, argv));
  }

  /** In the client pod's namespace, where no socket program sees it. */
  async unhooked(): Promise<Client> {
    return clientIn(await this.cluster.netnsOf(CLIENT));
  }

  get world(): Client {
    return clientIn(netnsPath(WORLD));
  }

  async clusterIpOf(namespace: string, name: string): Promise<string> {
    const object = await this.cluster.sandbox.get({ resource: 'services', namespace, name });
    const { clusterIP } = (object as { spec?: { clusterIP?: string } } | undefined)?.spec ?? {};
    if (clusterIP === undefined) throw new Error(`service ${name} has no address`);
    return clusterIP;
  }

  /** Brings the cluster to so many services with a cluster address; resolves when all are in the kernel. */
  async fill(count: number): Promise<void> {
    const many = count - 1;
    if (many <= this.#many) return;
    await createMany(this.cluster, this.#many, many);
    this.#many = many;
    await eventually(`${count} services are in the kernel`, () => this.complete(), FILL_MS);
    // Until it rests.
    await sleep(1000);
  }

  /** All services are in the kernel. */
  async complete(): Promise<boolean> {
    return (await this.#count()) >= this.#base + this.#many;
  }

  async #count(): Promise<number> {
    const entries = await this.maps.services.entries();
    return entries.filter(([{ addr }]) => addr !== '::').length;
  }

  /** As on a node that has no services yet. The agent must not run. */
  async emptyMaps(): Promise<void> {
    const { services, slots, backends } = this.maps;
    await services.deleteMany((await services.entries()).map(([key]) => key));
    await slots.deleteMany((await slots.entries()).map(([key]) => key));
    await backends.deleteMany((await backends.entries()).map(([key]) => key));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners.splice(0)) listener[Symbol.dispose]();
    this.#maps.close();
    await this.cluster[Symbol.asyncDispose]();
  }
}

export function frontend(addr: string): ServiceKey {
  const parsed: Addr = parseAddr(addr);
  return { addr: parsed, port: SERVICE_PORT, protocol: PROTOCOL_NUMBERS.TCP, scope: 'inside' };
}

/** Polls every 50 ms; throws after `ms`. */
export async function eventually(what: string, probe: () => Promise<boolean>, ms = 30_000): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(50);
  }
}

function targetService(): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: TARGET, namespace: NAMESPACE },
    spec: {
      type: 'NodePort',
      selector: { role: TARGET },
      ports: [
        { name: 'tcp', protocol: 'TCP', port: SERVICE_PORT, targetPort: TCP_PORT, nodePort: NODE_PORTS.tcp },
        { name: 'udp', protocol: 'UDP', port: SERVICE_PORT, targetPort: UDP_PORT, nodePort: NODE_PORTS.udp },
      ],
    },
  };
}

/** Lets the client's identity in, and the world. */
function targetPolicy(): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: TARGET, namespace: NAMESPACE },
    spec: {
      podSelector: { matchLabels: { role: TARGET } },
      policyTypes: ['Ingress'],
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { role: CLIENT } } }, { ipBlock: { cidr: '172.18.0.1/32' } }],
          ports: [
            { protocol: 'TCP', port: TCP_PORT },
            { protocol: 'UDP', port: UDP_PORT },
          ],
        },
      ],
    },
  };
}
