import {
  type Addr,
  addrFamily,
  buildPacket,
  type EthernetSpec,
  macOfAddr,
  PROTOCOL_NUMBERS,
  parseMac,
  type TransportSpec,
} from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { checkpoints, type Engine } from './engine.ts';
import { GATEWAY_MAC, type Hook, KernelNode } from './kernel-node.ts';
import type { Flow, Place, World } from './world.ts';

const SOURCE_PORT = 40_000;
const ROUTER_MAC = parseMac('02:00:00:00:00:01');
/** What a test run takes for the address of the device that a frame came in by. */
const DEVICE_MAC = parseMac('00:00:00:00:00:00');

/** The nodes that engines share, so that programs are loaded once for many worlds. */
export class KernelNodes implements Disposable {
  readonly #nodes = new Map<string, KernelNode>();

  node(name: string): KernelNode {
    const node = this.#nodes.get(name) ?? new KernelNode(name);
    this.#nodes.set(name, node);
    return node;
  }

  /** Whoever comes next begins with planes of his own. */
  async restart(): Promise<void> {
    for (const node of this.#nodes.values()) await node.restart();
  }

  [Symbol.dispose](): void {
    for (const node of this.#nodes.values()) node[Symbol.dispose]();
    this.#nodes.clear();
  }
}

/** Runs the first packet of each flow through the real programs. Needs root and a built datapath. */
export class KernelEngine implements Engine {
  readonly name = 'kernel';
  readonly #nodes: KernelNodes;
  readonly #owned: Disposable | undefined;
  readonly #names = new Set<string>();
  #isSetUp = false;

  /** `shared` stays the caller's. */
  constructor(shared?: KernelNodes) {
    this.#nodes = shared ?? new KernelNodes();
    this.#owned = shared === undefined ? this.#nodes : undefined;
  }

  async setUp(world: World): Promise<void> {
    if (!this.#isSetUp) await this.#nodes.restart();
    this.#isSetUp = true;
    for (const name of new Set(world.pods.map(({ node }) => node))) this.#names.add(name);
    for (const name of this.#names) await this.#nodes.node(name).setUp(world);
  }

  async verdict(flow: Flow) {
    const isPods = flow.from.kind === 'pod';
    if (checkpoints(flow).length === 0 && !(isPods && flow.frontend !== undefined)) {
      return { verdict: 'allow', why: 'not on the wire' } as const;
    }
    const { hook, end, forwarded } = way(flow);
    const frontend = frontendOf(flow, hook);
    const node = this.#nodes.node(end.pod.node);
    const judge = async () => await node.judge(hook, end.addr, frameOf(flow, hook), forwarded);
    const result = frontend ? await node.withService({ ...flow, frontend }, judge) : await judge();
    if (result.verdict === 'allow') {
      const arrived = parsePacket(result.packet).ip?.destination;
      if (frontend && arrived !== flow.to.addr) throw new Error(`the packet went to ${arrived}, not to the backend`);
      return { verdict: 'allow', why: `${hook} let it pass` } as const;
    }
    const { reason } = result;
    if (reason.startsWith('tenant-')) return { verdict: 'deny', why: `floor, ${hook}: ${reason}` } as const;
    if (reason !== 'policy-egress' && reason !== 'policy-ingress') {
      throw new Error(`${hook} dropped the packet for another reason than policy: ${reason}`);
    }
    return { verdict: 'deny', why: `${hook}: ${reason}` } as const;
  }

  async close(): Promise<void> {
    await this.#nodes.restart();
    this.#owned?.[Symbol.dispose]();
  }
}

type Way = { readonly hook: Hook; readonly end: PodPlace; readonly forwarded: boolean };
type PodPlace = Extract<Place, { readonly kind: 'pod' }>;

/** Where the packet meets the datapath of the pod's node. */
function way({ from, to }: Flow): Way {
  if (from.kind === 'pod') return { hook: 'from_pod', end: from, forwarded: false };
  if (to.kind !== 'pod') throw new Error('no pod has a part in the flow');
  const local = from.kind === 'node' && from.node.name === to.pod.node;
  if (local) return { hook: 'to_pod', end: to, forwarded: false };
  // IPv6 from outside is left to the stack, which forwards it.
  return { hook: addrFamily(to.addr) === 4 ? 'from_netdev' : 'to_pod', end: to, forwarded: true };
}

/** The frontend that the packet is sent to. What a process of a node asks for is turned at its socket, before there is one. */
function frontendOf({ from, frontend }: Flow, hook: Hook): Flow['frontend'] {
  return hook === 'to_pod' || (from.kind !== 'pod' && frontend?.kind === 'ClusterIP') ? undefined : frontend;
}

function frameOf(flow: Flow, hook: Hook): Uint8Array {
  const source = flow.from.addr;
  const { addr: destination, port } = frontendOf(flow, hook) ?? { addr: flow.to.addr, port: flow.port };
  const kind = addrFamily(source) === 4 ? 'ipv4' : 'ipv6';
  return buildPacket({
    ethernet: link(flow, hook),
    network: { kind, source, destination },
    transport: transport({ protocol: flow.protocol, port }, source),
  });
}

function link({ from, to }: Flow, hook: Hook): EthernetSpec {
  switch (hook) {
    case 'from_pod':
      return { source: macOfAddr(from.addr), destination: GATEWAY_MAC };
    case 'to_pod':
      return { source: GATEWAY_MAC, destination: macOfAddr(to.addr) };
    case 'from_netdev':
      return { source: ROUTER_MAC, destination: DEVICE_MAC };
  }
}

function transport({ protocol, port }: Pick<Flow, 'protocol' | 'port'>, source: Addr): TransportSpec {
  const ports = { sourcePort: SOURCE_PORT, destinationPort: port };
  switch (protocol) {
    case PROTOCOL_NUMBERS.TCP:
      return { kind: 'tcp', ...ports, flags: ['SYN'] };
    case PROTOCOL_NUMBERS.UDP:
      return { kind: 'udp', ...ports };
    case PROTOCOL_NUMBERS.SCTP:
      return { kind: 'sctp', ...ports };
    case PROTOCOL_NUMBERS.ICMP:
    case PROTOCOL_NUMBERS.ICMPv6:
      if (port >> 8 !== 8 && port >> 8 !== 128) throw new Error(`ICMP type ${port >> 8} opens no connection`);
      return { kind: 'icmp', type: addrFamily(source) === 4 ? 8 : 128, id: 1 };
    default:
      throw new Error(`the datapath knows no protocol ${protocol}`);
  }
}
