import {
  affinityMap,
  type Config,
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
      return { identity: word?.identity ?? HOST, cidr: local.cidrIdentity, addr };
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
    const sender = this.#sender(client, place, point.protocol);
    const example = {
      from: sender?.addr ?? client ?? frontend.scope,
      to,
      protocol: protocolName(point.protocol),
      port: point.port,
      claimed:
        sender !== undefined && this.#passes(sender, place, point.protocol)
          ? ('passes' as const)
          : ('dropped' as const),
      ...(backend !== undefined && { backend: placeText(backend) }),
    };
    if (frontend.scope === 'outside') return { ...example, detail: 'it comes from outside, and no pod sends it' };
    if (sender === undefined) return { ...example, detail: 'no pod of this node sends it' };
    const sent = await this.#send({ sender, to, point, backend, client });
    if (sent === undefined) return { ...example, detail: `of ${TRIALS * EACH} packets none was sent there` };
    return sent.verdict === 'passed'
      ? { ...example, sent: 'passed' }
      : { ...example, sent: 'dropped', detail: sent.reason };
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

  /** A pod whose packet passes, if there is one. */
  #sender(client: Addr | undefined, place: BackendPlace | undefined, protocol: number): Sender | undefined {
    let found: Sender | undefined;
    for (const [addr, { endpoint }] of this.#accounts.rows.endpoints) {
      const record = this.#o.endpointOf(endpoint);
      // Who is its own backend is no example of anything.
      if (record === undefined || addrFamily(addr) !== 4 || addr === place?.addr) continue;
      if (client !== undefined && client !== addr) continue;
      const sender = { addr, record, peer: this.peerAt(addr) };
      if (place === undefined || this.#passes(sender, place, protocol)) return sender;
      found ??= sender;
    }
    return found;
  }

  #passes({ peer: opener }: Sender, place: BackendPlace | undefined, protocol: number): boolean {
    if (place === undefined) return false;
    const responder = this.peerAt(place.addr);
    if (NOBODY.has(responder.identity)) return false;
    return decide(this.#accounts.kernel, { opener, responder }, { protocol, port: place.port }).passes;
  }

  /** What becomes of the packet that comes to the backend; without one, of the first. */
  async #send({ sender, to, point, backend, client }: Sending): Promise<TrialResult | undefined> {
    const { record } = sender;
    const { specs, maps, base, configOf } = this.#o;
    const config: Config = configOf(record);
    const ethernet = { source: record.mac, destination: GATEWAY_MAC };
    const network = { kind: 'ipv4', source: sender.addr, destination: to } as const;
    const frames = (trial: number) =>
      Array.from({ length: EACH }, (_, index) => {
        const transport = transportOf(point, FIRST_PORT + trial * EACH + index);
        return transport === undefined ? [] : [buildPacket({ ethernet, network, transport })];
      }).flat();
    const kept = client === undefined ? [] : await keptBy(maps, client);
    for (let trial = 0; trial < TRIALS; trial += 1) {
      using programs = await PacketTrial.open(specs, maps, base);
      programs.remember(kept);
      for (const result of programs.runAll(config, frames(trial), { fromPod: true, forwarded: false })) {
        const { destination } = result;
        if (backend === undefined) return result;
        if (destination !== undefined && placeText(destination) === placeText(backend)) return result;
        if (client === undefined) await programs.forgetClients();
      }
    }
    return undefined;
  }
}

type Sending = {
  readonly sender: Sender;
  readonly to: Addr;
  readonly point: Point;
  readonly backend: BackendPlace | undefined;
  readonly client: Addr | undefined;
};

type KeptRows = Awaited<ReturnType<ReturnType<typeof affinityMap>['entries']>>;

const keptBy = async (maps: MapSet, client: Addr): Promise<KeptRows> =>
  await affinityMap(maps).entries((key) => key.client === client);
