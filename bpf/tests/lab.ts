import { parseConfig } from '../../src/agent/node/config.ts';
import { switchesOf } from '../../src/agent/node/switches.ts';
import type { CtEntry, CtKey, Event } from '../../src/datapath/gen/codecs.ts';
import { type Config, ZERO_CONFIG } from '../../src/datapath/gen/config.ts';
import type { ProgFd } from '../../src/datapath/kernel/fd.ts';
import { progTestRun } from '../../src/datapath/kernel/syscall.ts';
import { monotonicTick } from '../../src/datapath/maps/conntrack-map.ts';
import type { MapSizes } from '../../src/datapath/maps/map-set.ts';
import { OUTSIDE_WORDS, outsideOf } from '../../src/datapath/maps/outside.ts';
import { endpointRow, ipcacheRow } from '../../src/datapath/maps/testkit.ts';
import { type Action, type LoadedEndpoint, type RunOptions, TestDatapath } from '../../src/datapath/testkit.ts';
import type { DropReason } from '../../src/model/gen/enums.ts';
import { type Direction, endpointId, identityId, ifindex, ruleId } from '../../src/model/index.ts';
import { type PolicyTableRow } from '../../src/model/testkit.ts';
import { type Addr, type Mac, macOfAddr, Prefix, parseAddr, parseMac } from '../../src/net/index.ts';

export const GATEWAY_MAC = parseMac('0a:58:a9:fe:01:01');
export const GATEWAY = parseAddr('169.254.1.1');
export const NODE = parseAddr('172.18.0.2');
export const OTHER_NODE = parseAddr('172.18.0.3');
/** Of nobody that the tables name. */
export const WORLD = parseAddr('198.51.100.7');
export const REMOTE_POD = parseAddr('10.244.2.9');

export const TUNNEL_PORT = 8472;
export const NODE_PORTS = { min: 30_000, max: 32_767 } as const;
export const SNAT_PORTS = { min: 61_000, max: 61_003 } as const;

/** As an agent with default settings writes it; whether the world is told that a node port has none is tried by itself. */
export const FULL: Config = {
  ...ZERO_CONFIG,
  ...switchesOf(parseConfig({ nodeName: 'lab' })),
  enableRefusals: false,
  gatewayMac: GATEWAY_MAC,
  gatewayIpv4: GATEWAY,
  nodeIpv4: NODE,
  uplinkIfindex: ifindex(1),
  tunnelPort: TUNNEL_PORT,
  snatPortMin: SNAT_PORTS.min,
  snatPortMax: SNAT_PORTS.max,
  nodePortMin: NODE_PORTS.min,
  nodePortMax: NODE_PORTS.max,
};

/** So many connections that have ended are remembered. */
export const CLOSED = 8;

/** Every endpoint, the node and the world may have this many connections open. */
export function quota(connections: number): Partial<Config> {
  return {
    ctQuota: connections,
    ctGuaranteed: connections,
    ctCommon: 0,
    ctNode: connections,
    ctWorld: connections,
    ctElsewhereGuaranteed: connections,
    ctElsewhereQuota: connections,
    ctElsewhere: 0,
    ctOpenings: connections * 2,
    ctClosed: CLOSED,
  };
}

export type LabPod = {
  readonly id: number;
  readonly addr: Addr;
  readonly ipv6: Addr | undefined;
  readonly mac: Mac;
  readonly identity: number;
  readonly ifindex: number;
  readonly programs: LoadedEndpoint;
};

export type PodSpec = {
  readonly id: number;
  readonly addr: Addr;
  readonly identity: number;
  readonly ipv6?: Addr;
};

export type Outcome = {
  readonly action: Action;
  /** `pass`, `redirect`, or the reason of the drop. */
  readonly verdict: Exclude<Action, 'drop'> | DropReason;
  readonly packet: Uint8Array;
  /** skb->mark as the program left it. */
  readonly mark: number;
  readonly events: readonly Event[];
};

const XDP_PASS = 2;

/** A row of a policy table: no protocol = any, no port = any. */
export function allow(direction: Direction, peer: number, protocol = 0, port?: number): PolicyTableRow {
  return row('allow', direction, peer, protocol, port);
}

export function deny(direction: Direction, peer: number, protocol = 0, port?: number): PolicyTableRow {
  return row('deny', direction, peer, protocol, port);
}

function row(
  verdict: 'allow' | 'deny',
  direction: Direction,
  peer: number,
  protocol: number,
  port: number | undefined,
): PolicyTableRow {
  const portBits = port === undefined ? 0 : 16;
  const value = { verdict, precedence: 1, rule: ruleId(peer + 1) };
  return { ...value, direction, peer: identityId(peer), protocol, port: port ?? 0, portBits };
}

/** An unenforced direction, as the compiler writes it. */
export const OPEN: Readonly<Record<Direction, PolicyTableRow>> = {
  ingress: allow('ingress', 0),
  egress: allow('egress', 0),
};

/** Both directions unenforced. */
export const EVERYTHING: readonly PolicyTableRow[] = [OPEN.ingress, OPEN.egress];

/** One node's datapath with real programs and maps, and no devices. */
export class Lab implements Disposable {
  readonly datapath: TestDatapath;
  readonly config: Config;
  #revision = 1;
  #driver: ProgFd | undefined;
  #netdev: Record<'from_netdev' | 'to_netdev', ProgFd> | undefined;

  /** The node is ready and knows its own address, another node's and another node's pod's (identity 900). */
  constructor(options: { readonly config?: Partial<Config>; readonly sizes?: MapSizes } = {}) {
    this.config = { ...FULL, ...options.config };
    this.datapath = new TestDatapath(options.sizes === undefined ? {} : { sizes: options.sizes });
    this.turnWorld();
    this.datapath.endpoints.set(NODE, endpointRow());
    this.identify(`${OTHER_NODE}/32`, 6);
    this.identify(`${REMOTE_POD}/32`, 900);
  }

  /** Says who is behind a prefix; connections with the outside are judged anew after `turnWorld`, or `turn` of its word. */
  identify(prefix: string, identity: number, cidrIdentity = 0, tunnel: Addr | null = null): void {
    this.datapath.ipcache.set(
      Prefix.parse(prefix),
      ipcacheRow({ identity: identityId(identity), cidrIdentity: identityId(cidrIdentity), tunnel }),
    );
  }

  /** New words for everything that is not a local pod. */
  turnWorld(): void {
    this.datapath.turnOutside(OUTSIDE_WORDS, this.#revision++);
  }

  /** As before the agent has said anything of the outside. */
  closeOutside(): void {
    for (const id of OUTSIDE_WORDS) this.datapath.words.clear(id);
  }

  /** A new word for the address, and those that share it. */
  turn(addr: Addr): void {
    this.datapath.turnOutside([outsideOf(addr)], this.#revision++);
  }

  /** Loads a pod's programs; it stays closed until `open`. The address's former owner loses it. */
  pod(spec: PodSpec): LabPod {
    const mac = macOfAddr(spec.addr);
    const device = 1000 + spec.id;
    const programs = this.datapath.loadEndpoint({
      ...this.config,
      endpoint: endpointId(spec.id),
      ifindex: ifindex(device),
      ipv4: spec.addr,
      ipv6: spec.ipv6 ?? null,
      mac,
    });
    return { ...spec, ipv6: spec.ipv6, mac, ifindex: device, programs };
  }

  /** Gives the pod's address to it, whoever had it. */
  own(pod: LabPod): void {
    this.datapath.endpoints.set(pod.addr, endpointRow({ endpoint: endpointId(pod.id), ifindex: ifindex(pod.ifindex) }));
  }

  /** Writes a table under a fresh revision and turns the pod's word to it. */
  async open(pod: LabPod, table: readonly PolicyTableRow[] = EVERYTHING, identity = pod.identity): Promise<void> {
    await this.datapath.open(pod.id, identity, this.#revision++, table);
  }

  close(pod: LabPod): void {
    this.datapath.words.clear(endpointId(pod.id));
  }

  /** As an agent does when a pod is deleted. */
  remove(pod: LabPod): void {
    this.close(pod);
    this.datapath.disown(pod.addr);
  }

  /** The pod sends a frame. */
  send(pod: LabPod, frame: Uint8Array): Outcome {
    return this.run(pod.programs.fromPod, frame, 0);
  }

  /** The node's stack sends a frame to the pod: its own when `forwarded` is false. */
  receive(pod: LabPod, frame: Uint8Array, forwarded = false): Outcome {
    return this.run(pod.programs.toPod, frame, forwarded ? 1 : 0);
  }

  /** A frame arrives at a device of the node. */
  arrive(frame: Uint8Array): Outcome {
    return this.run(this.netdev.from_netdev, frame, 1);
  }

  /** The node's stack sends a frame out of a device of the node. */
  leave(frame: Uint8Array): Outcome {
    return this.run(this.netdev.to_netdev, frame, 0);
  }

  get netdev(): Record<'from_netdev' | 'to_netdev', ProgFd> {
    this.#netdev ??= this.datapath.load('host', ['from_netdev', 'to_netdev'] as const, this.config);
    return this.#netdev;
  }

  /** A frame at a driver. There are no routes for it to follow: what would go on passes, too. */
  atDriver(frame: Uint8Array): { readonly passed: boolean; readonly packet: Uint8Array } {
    this.#driver ??= this.datapath.load('xdp', ['forward_xdp'] as const, this.config).forward_xdp;
    const { retval, data } = progTestRun(this.#driver, { data: Uint8Array.from(frame) });
    return { passed: retval === XDP_PASS, packet: data };
  }

  run(program: ProgFd, frame: Uint8Array, ingressIfindex: number, options: RunOptions = {}): Outcome {
    this.datapath.events();
    const { action, packet, mark } = this.datapath.run(program, frame, { ingressIfindex, ...options });
    const events = this.datapath.events();
    const verdict = action === 'drop' ? (events.find((event) => event.type === 'drop')?.reason ?? 'none') : action;
    return { action, verdict, packet, mark, events };
  }

  /** The one conntrack entry there is. */
  async entry(): Promise<readonly [CtKey, CtEntry]> {
    const entries = await this.datapath.conntrack.entries();
    const [only] = entries;
    if (only === undefined || entries.length !== 1) throw new Error(`${entries.length} connections, expected 1`);
    return only;
  }

  /** Lets these connections run out, by default all. */
  async expire(which: (entry: CtEntry, key: CtKey) => boolean = () => true): Promise<void> {
    // A tick early: the programs' clock (bpf_ktime_get_coarse_ns) stands still between two interrupts of the timer.
    const expires = monotonicTick() - 1;
    for (const [key, entry] of await this.datapath.conntrack.entries())
      if (which(entry, key)) this.datapath.conntrack.set(key, { ...entry, expires });
  }

  async forgetConnections(): Promise<void> {
    const entries = await this.datapath.conntrack.entries();
    await this.datapath.conntrack.deleteMany(entries.map(([key]) => key));
  }

  [Symbol.dispose](): void {
    this.datapath.close();
  }
}
