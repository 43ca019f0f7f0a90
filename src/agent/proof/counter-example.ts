import type { VerifyView } from '../../api/index.ts';
import { type Config, type MapSet, PacketTrial } from '../../datapath/index.ts';
import type { EndpointRecord } from '../../endpoint/index.ts';
import { type EndpointId, IDENTITY_CLUSTER_MAX, IDENTITY_CLUSTER_MIN, type IdentityId } from '../../model/index.ts';
import {
  type Addr,
  addrFamily,
  buildPacket,
  PROTOCOL_NUMBERS,
  protocolName,
  type TransportSpec,
} from '../../net/index.ts';
import { type Accounts } from '../../plane/index.ts';
import { decide, type Pair, type Peer, type Point, type World } from '../../reach/index.ts';
import { GATEWAY_MAC } from '../node/index.ts';

export type Example = NonNullable<VerifyView['differences'][number]['packet']>;

export type ExamplesOptions = {
  readonly specs: Parameters<typeof PacketTrial.open>[0];
  readonly maps: MapSet;
  readonly base: Config;
  readonly configOf: (record: EndpointRecord) => Config;
  readonly endpointOf: (id: EndpointId) => EndpointRecord | undefined;
};

type Ends = {
  readonly source: Addr;
  readonly destination: Addr;
  readonly sender: EndpointRecord | undefined;
  readonly receiver: EndpointRecord | undefined;
};

const SOURCE_PORT = 40_000;

/** Makes packets of what is claimed of pairs, and sends them through the programs of this node's pods. Leaves no trace. */
export class CounterExamples implements Disposable {
  readonly #o: ExamplesOptions;
  readonly #accounts: Accounts;
  readonly #addresses: ReadonlyMap<IdentityId, readonly Addr[]>;
  readonly #records: ReadonlyMap<Addr, EndpointRecord>;
  #trial: PacketTrial | undefined;

  constructor(options: ExamplesOptions, accounts: Accounts) {
    this.#o = options;
    this.#accounts = accounts;
    const { rows } = accounts;
    const identities = new Map(rows.words.map(([id, { identity }]) => [id, identity]));
    const addresses = new Map<IdentityId, Addr[]>();
    const records = new Map<Addr, EndpointRecord>();
    const add = (identity: IdentityId | undefined, addr: Addr): void => {
      if (identity === undefined || addrFamily(addr) !== 4) return;
      const known = addresses.get(identity);
      if (known === undefined) addresses.set(identity, [addr]);
      else known.push(addr);
    };
    for (const [addr, { endpoint }] of rows.endpoints) {
      add(identities.get(endpoint), addr);
      const record = options.endpointOf(endpoint);
      if (record !== undefined) records.set(addr, record);
    }
    for (const { identity, addr } of accounts.peers) if (addr !== undefined && !records.has(addr)) add(identity, addr);
    this.#addresses = addresses;
    this.#records = records;
  }

  /** The packet of a pair that `world` is asked about, sent where this node can. Undefined: there is no address to send it to. */
  async of(world: World, pair: Pair, point: Point): Promise<Example | undefined> {
    const ends = this.#ends(pair);
    if (ends === undefined) return undefined;
    const { passes } = decide(world, pair, point);
    const example = {
      from: ends.source,
      to: ends.destination,
      protocol: protocolName(point.protocol),
      ...(point.protocol === PROTOCOL_NUMBERS.ICMP ? {} : { port: point.port }),
      claimed: passes ? ('passes' as const) : ('dropped' as const),
    };
    const sent = await this.#send(ends, point);
    if (typeof sent === 'string') return { ...example, detail: sent };
    return sent.verdict === 'passed'
      ? { ...example, sent: 'passed' }
      : { ...example, sent: 'dropped', detail: sent.reason };
  }

  #ends({ opener, responder }: Pair): Ends | undefined {
    const sources = this.#addressesOf(opener);
    const destinations = this.#addressesOf(responder);
    for (const source of sources) {
      const destination = destinations.find((addr) => addr !== source);
      if (destination === undefined) continue;
      return { source, destination, sender: this.#records.get(source), receiver: this.#records.get(destination) };
    }
    return undefined;
  }

  /** Those that this node has first. */
  #addressesOf({ identity, addr }: Peer): readonly Addr[] {
    if (addr !== undefined) return addrFamily(addr) === 4 ? [addr] : [];
    return this.#addresses.get(identity) ?? [];
  }

  async #send({ source, destination, sender, receiver }: Ends, point: Point) {
    const transport = transportOf(point);
    if (transport === undefined) return `protocol ${point.protocol} opens no connection`;
    const record = sender ?? receiver;
    if (record === undefined) return 'neither end is a pod of this node';
    const opener = this.#accounts.peers.find(({ addr }) => addr === source)?.identity ?? (0 as IdentityId);
    const isElsewhere = sender === undefined && opener >= IDENTITY_CLUSTER_MIN && opener <= IDENTITY_CLUSTER_MAX;
    if (isElsewhere) return 'the opener is a pod of another node, whose agent can send it';
    const ethernet =
      sender === undefined
        ? { source: GATEWAY_MAC, destination: record.mac }
        : { source: record.mac, destination: GATEWAY_MAC };
    const frame = buildPacket({ ethernet, network: { kind: 'ipv4', source, destination }, transport });
    const { specs, maps, base, configOf } = this.#o;
    this.#trial ??= await PacketTrial.open(specs, maps, base);
    const isLocal = this.#accounts.rows.endpoints.some(([addr]) => addr === source);
    return this.#trial.run(configOf(record), frame, { fromPod: sender !== undefined, forwarded: !isLocal });
  }

  [Symbol.dispose](): void {
    this.#trial?.close();
  }
}

/** What opens a connection at the point; undefined: nothing does. */
export function transportOf({ protocol, port }: Point, sourcePort = SOURCE_PORT): TransportSpec | undefined {
  const ports = { sourcePort, destinationPort: port };
  switch (protocol) {
    case PROTOCOL_NUMBERS.TCP:
      return { kind: 'tcp', ...ports, flags: ['SYN'] };
    case PROTOCOL_NUMBERS.UDP:
      return { kind: 'udp', ...ports };
    case PROTOCOL_NUMBERS.SCTP:
      return { kind: 'sctp', ...ports };
    case PROTOCOL_NUMBERS.ICMP:
      return { kind: 'icmp', type: 8, id: 1 };
    default:
      return undefined;
  }
}
