import {
  affinityMap,
  ipcacheMap,
  type MapSet,
  PacketTrial,
  serviceMaps,
  type TrialResult,
} from '../../datapath/index.ts';
import type { EndpointRecord } from '../../endpoint/index.ts';
import { RESERVED_IDS } from '../../identity/index.ts';
import type { IdentityId } from '../../model/index.ts';
import { type Addr, addrFamily, buildPacket, Prefix, protocolName } from '../../net/index.ts';
import type { Accounts } from '../../plane/index.ts';
import {
  type BackendPlace,
  decide,
  type FrontendDifference,
  type Peer,
  type Point,
  placeText,
} from '../../reach/index.ts';
import { GATEWAY_MAC } from '../node/index.ts';
import { type Example, type ExamplesOptions, transportOf } from './counter-example.ts';

/** Which backend a client gets is chance: so many are sent, of each trial as many as its conntrack has room for. */
const TRIALS = 20;
const EACH = 24;
const FIRST_PORT = 40_000;
/** Of a pod that may send nothing at all no packet is turned: then another one's is. */
const MOST_SENDERS = 4;
const NONE = 0 as IdentityId;
const HOST = RESERVED_IDS.host;
/** Of a service or a pod that is not there: nothing is sent to it. */
const NOBODY: ReadonlySet<number> = new Set([
  RESERVED_IDS.unknown,
  RESERVED_IDS['service-range'],
  RESERVED_IDS['pod-range'],
]);

type Sender = { readonly addr: Addr; readonly record: EndpointRecord; readonly peer: Peer };

/** Makes packets to frontends of services that lead elsewhere than is meant, and sends them through the programs of this node's pods. Leaves no trace. */
export class FrontendExamples {
  readonly #o: ExamplesOptions;
  readonly #accounts: Accounts;

  constructor(options: ExamplesOptions, accounts: Accounts) {
    this.#o = options;
    this.#accounts = accounts;
  }

  /** Who has this address, as the maps say. */
  peerAt(addr: Addr): Peer {
    const { endpoints, words } = this.#accounts.rows;
    const local = endpoints.find(([one]) => one === addr)?.[1];
    if (local !== undefined) {
      const word = words.find(([id]) => id === local.endpoint)?.[1];
      // A pod that has no word is nobody yet.
      const identity = (local.endpoint as number) === 0 ? HOST : (word?.identity ?? NONE);
      return { identity, cidr: local.cidrIdentity, addr };
    }
    const row = ipcacheMap(this.#o.maps).get(Prefix.host(addr));
    return { identity: row?.identity ?? NONE, cidr: row?.cidrIdentity ?? NONE, addr };
  }

  /** A packet that goes where it should not, or that is refused where it should be served; undefined: no single one shows it. */
  async of({ frontend, backend, client, isShut }: FrontendDifference): Promise<Example | undefined> {
    if (backend === undefined && !isShut) return undefined;
    const to = frontend.addr === '::' ? this.#nodeAddress() : frontend.addr;
    if (to === undefined || addrFamily(to) !== 4) return undefined;
    const point: Point = { protocol: frontend.protocol, port: frontend.port };
    const place = backend ?? this.#untouched(frontend, to);
    const senders = this.#senders(client, place, point.protocol);
    const claimOf = (sender: Sender | undefined) => ({
      from: sender?.addr ?? client ?? frontend.scope,
      to,
      protocol: protocolName(point.protocol),
      port: point.port,
      claimed:
        sender !== undefined && this.#passes(sender, place, point.protocol)
          ? ('passes' as const)
          : ('dropped' as const),
      ...(backend !== undefined && { backend: placeText(backend) }),
    });
    const [first] = senders;
    if (frontend.scope === 'outside')
      return { ...claimOf(first), detail: 'it comes from outside, and no pod sends it' };
    if (first === undefined) return { ...claimOf(first), detail: 'no pod of this node sends it' };
    const sent = await this.#send({ senders, to, point, backend, client });
    if (sent === undefined)
      return { ...claimOf(first), detail: `of ${TRIALS * EACH * senders.length} packets none was sent there` };
    const { sender, result } = sent;
    return result.verdict === 'passed'
      ? { ...claimOf(sender), sent: 'passed' }
      : { ...claimOf(sender), sent: 'dropped', detail: result.reason };
  }

  #nodeAddress(): Addr | undefined {
    const own = this.#accounts.rows.endpoints.find(
      ([addr, { endpoint }]) => (endpoint as number) === 0 && addrFamily(addr) === 4 && !addr.startsWith('127.'),
    );
    return own?.[0];
  }

  /** Where a packet goes that no row turns; undefined: a row refuses it. */
  #untouched(frontend: FrontendDifference['frontend'], to: Addr): BackendPlace | undefined {
    const row = serviceMaps(this.#o.maps).services.get(frontend);
    return row === undefined ? { addr: to, port: frontend.port } : undefined;
  }

  /** Pods that may be asked to send, those whose packet passes first. */
  #senders(client: Addr | undefined, place: BackendPlace | undefined, protocol: number): Sender[] {
    const { endpoints, words } = this.#accounts.rows;
    const open = new Set(words.map(([id]) => id));
    const senders = endpoints.flatMap(([addr, { endpoint }]): Sender[] => {
      const record = this.#o.endpointOf(endpoint);
      // Who has no word yet sends nothing, and who is its own backend is no example of anything.
      if (record === undefined || !open.has(endpoint) || addrFamily(addr) !== 4 || addr === place?.addr) return [];
      return client !== undefined && client !== addr ? [] : [{ addr, record, peer: this.peerAt(addr) }];
    });
    if (place === undefined) return senders.slice(0, MOST_SENDERS);
    const [passing = [], others = []] = [true, false].map((passes) =>
      senders.filter((sender) => this.#passes(sender, place, protocol) === passes),
    );
    return [...passing, ...others].slice(0, MOST_SENDERS);
  }

  #passes({ peer: opener }: Sender, place: BackendPlace | undefined, protocol: number): boolean {
    if (place === undefined) return false;
    const responder = this.peerAt(place.addr);
    if (NOBODY.has(responder.identity)) return false;
    return decide(this.#accounts.kernel, { opener, responder }, { protocol, port: place.port }).passes;
  }

  /** What becomes of the packet that comes to the backend, and whose it is; without one, of the first. */
  async #send({ senders, to, point, backend, client }: Sending): Promise<Sent | undefined> {
    const { specs, maps, base, configOf } = this.#o;
    const kept = client === undefined ? [] : await keptBy(maps, client);
    for (let trial = 0; trial < TRIALS; trial += 1) {
      for (const sender of senders) {
        using programs = await PacketTrial.open(specs, maps, base);
        programs.remember(kept);
        const frames = framesOf(sender, to, point, FIRST_PORT + trial * EACH);
        const way = { fromPod: true, forwarded: false };
        for (const result of programs.runAll(configOf(sender.record), frames, way)) {
          const { destination } = result;
          if (backend === undefined) return { sender, result };
          if (destination !== undefined && placeText(destination) === placeText(backend)) return { sender, result };
          if (client === undefined) await programs.forgetClients();
        }
      }
    }
    return undefined;
  }
}

function framesOf({ addr, record }: Sender, to: Addr, point: Point, firstPort: number): Uint8Array[] {
  const ethernet = { source: record.mac, destination: GATEWAY_MAC };
  const network = { kind: 'ipv4', source: addr, destination: to } as const;
  return Array.from({ length: EACH }, (_, index) => {
    const transport = transportOf(point, firstPort + index);
    return transport === undefined ? [] : [buildPacket({ ethernet, network, transport })];
  }).flat();
}

type Sent = { readonly sender: Sender; readonly result: TrialResult };

type Sending = {
  readonly senders: readonly Sender[];
  readonly to: Addr;
  readonly point: Point;
  readonly backend: BackendPlace | undefined;
  readonly client: Addr | undefined;
};

type KeptRows = Awaited<ReturnType<ReturnType<typeof affinityMap>['entries']>>;

const keptBy = async (maps: MapSet, client: Addr): Promise<KeptRows> =>
  await affinityMap(maps).entries((key) => key.client === client);
