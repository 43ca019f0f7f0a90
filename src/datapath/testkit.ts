/** A whole datapath without devices: real programs and real maps, packets by BPF_PROG_TEST_RUN. Needs root. */

import { fileURLToPath } from 'node:url';
import { type EndpointId, endpointId, identityId, policyRevision } from '../model/index.ts';
import { type PolicyTableRow } from '../model/testkit.ts';
import { type Addr, parseAddr } from '../net/index.ts';
import { UNASSIGNED_ROW } from '../tenant/index.ts';
import {
  type CollectResult,
  type Event,
  type SnatKey,
  type SnatValue,
  snatKeyCodec,
  snatValueCodec,
} from './gen/codecs.ts';
import { type Config, encodeConfig, ZERO_CONFIG } from './gen/config.ts';
import type { ProgFd } from './kernel/fd.ts';
import { type ObjectSpec, readObjectSpec } from './kernel/object-spec.ts';
import { progTestRun } from './kernel/syscall.ts';
import { type Connection, type ConntrackMap, conntrackMap } from './maps/conntrack-map.ts';
import {
  type EndpointDrop,
  type EventLoss,
  type ReasonCounter,
  readCounters,
  readDrops,
  readEventLoss,
} from './maps/counters.ts';
import { EndpointAccounts } from './maps/endpoint-accounts.ts';
import { KernelEndpointWords } from './maps/endpoint-words.ts';
import { type EndpointsMap, endpointsMap } from './maps/endpoints-map.ts';
import { type IpcacheMap, ipcacheMap } from './maps/ipcache-map.ts';
import { KernelMap, type TypedMap } from './maps/map.ts';
import type { MapSet, MapSizes } from './maps/map-set.ts';
import { policyMaps } from './maps/policy-maps.ts';
import { EventRing } from './maps/ring.ts';
import { u32Codec, u64Codec } from './maps/scalar-codecs.ts';
import { type TenantAccountsMap, tenantAccountsMap } from './maps/tenant-accounts-map.ts';
import { KernelTenantRows } from './maps/tenant-rows.ts';
import { type TenantSharesMap, tenantSharesMap } from './maps/tenant-shares-map.ts';
import { type TenantWorldMap, tenantWorldMap } from './maps/tenant-world-map.ts';
import { endpointRow, listConnections, TestPolicy } from './maps/testkit.ts';
import { ConntrackCollector } from './programs/ct-gc.ts';
import { JUDGE_PROGRAMS, putJudges } from './programs/judges.ts';
import { loadPrograms } from './programs/loader.ts';
import { KeptDatapath } from './test-kept.ts';

/** What a tc program may answer. */
export const ACTIONS = { 0: 'pass', 2: 'drop', 7: 'redirect' } as const;
export type Action = (typeof ACTIONS)[keyof typeof ACTIONS] | `${number}`;

export type RunOptions = {
  /** skb->mark. */
  readonly mark?: number;
  /** Must exist in this network namespace; the loopback device is 1. */
  readonly ingressIfindex?: number;
  readonly ifindex?: number;
  /** skb->cb, five words. */
  readonly cb?: readonly number[];
  readonly repeat?: number;
};

export type RunResult = {
  readonly action: Action;
  /** The frame as the program left it. */
  readonly packet: Uint8Array;
  readonly mark: number;
  readonly cb: readonly number[];
  /** Mean of one run, ns. */
  readonly duration: number;
};

/** Offsets in struct __sk_buff. */
const SKB = { mark: 8, ingressIfindex: 36, ifindex: 40, cb: 48, size: 192 } as const;

const SMALL: MapSizes = {
  endpoints: 1024,
  ipcache: 4096,
  policy: 65_536,
  policy_peers: 65_536,
  conntrack: 4096,
  snat: 1024,
  fragments: 256,
  drops: 1024,
  services: 256,
  service_slots: 1024,
  backends: 256,
  tenant_accounts: 64,
  tenant_shares: 256,
  tenant_world: 256,
  affinity_usage: 64,
  sock_origins: 64,
  sock_accounts: 64,
  translations: 8192,
  events: 1 << 18,
};

/**
 * Linux 6.18 frees each program in a work item of its own, at most 1,024 at a time, under the lock that loading one
 * holds while it waits for another item of that queue: more of them at once, beside a load, and neither ever ends. Files
 * of tests run side by side, and may end at the same time.
 */
const MAX_PROGRAMS = 128;

/** What tests before had and is empty again: of one that is held through a file, and of what comes and goes beside it. */
const idle: KeptDatapath[] = [];
const MAX_IDLE = 2;

/** Of every pod, as an agent tells it. */
const GATEWAY = parseAddr('169.254.1.1');

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url));

export type LoadedEndpoint = { readonly id: EndpointId; readonly fromPod: ProgFd; readonly toPod: ProgFd };

export class TestDatapath implements Disposable {
  readonly maps: MapSet;
  readonly words: KernelEndpointWords;
  readonly tenants: KernelTenantRows;
  readonly endpoints: EndpointsMap;
  readonly ipcache: IpcacheMap;
  readonly conntrack: ConntrackMap;
  readonly policy: TestPolicy;
  readonly accounts: EndpointAccounts;
  readonly #ring: EventRing;
  readonly #kept: KeptDatapath;
  readonly #isShared: boolean;
  readonly #owned: Disposable[] = [];
  #judges = false;
  #isClosed = false;
  readonly #specs = new Map<string, ObjectSpec>();

  /** Maps are not pinned: they vanish with the process whatever happens to it. Of sizes of its own: nobody had them before. */
  constructor(options: { readonly sizes?: MapSizes } = {}) {
    this.#isShared = options.sizes === undefined;
    this.#kept = (this.#isShared ? idle.pop() : undefined) ?? new KeptDatapath({ ...SMALL, ...options.sizes });
    this.maps = this.#kept.maps;
    this.words = KernelEndpointWords.of(this.maps.get('endpoint_words'));
    this.tenants = KernelTenantRows.of(this.maps.get('tenants'));
    // Whoever is not said to be somebody's is nobody's.
    this.tenants.set(identityId(0), UNASSIGNED_ROW);
    this.endpoints = endpointsMap(this.maps);
    this.ipcache = ipcacheMap(this.maps);
    this.conntrack = conntrackMap(this.maps);
    this.policy = new TestPolicy(policyMaps(this.maps));
    this.accounts = new EndpointAccounts(this.maps, { events: true });
    this.#ring = new EventRing(this.maps.get('events'), this.maps.spec('events').maxEntries);
  }

  /** Titles to masquerade ports. */
  get snat(): TypedMap<SnatKey, SnatValue> {
    const codecs = { key: snatKeyCodec, value: snatValueCodec };
    return new KernelMap(this.maps.get('snat'), this.maps.spec('snat'), codecs);
  }

  /** What tenants may have, and have. */
  get tenantAccounts(): TenantAccountsMap {
    return tenantAccountsMap(this.maps);
  }

  /** What tenants let in of one another. */
  get shares(): TenantSharesMap {
    return tenantSharesMap(this.maps);
  }

  /** What tenants list of the world. */
  get world(): TenantWorldMap {
    return tenantWorldMap(this.maps);
  }

  /** Devices of pods by their place: endpoint << 32 | ifindex. */
  get podDevices(): TypedMap<number, bigint> {
    const codecs = { key: u32Codec, value: u64Codec };
    return new KernelMap(this.maps.get('pod_devices'), this.maps.spec('pod_devices'), codecs);
  }

  /** Entries of conntrack, by who pays for them. */
  get usage(): TypedMap<number, number> {
    const codecs = { key: u32Codec, value: u32Codec };
    return new KernelMap(this.maps.get('ct_usage'), this.maps.spec('ct_usage'), codecs);
  }

  /** Spec of `build/<name>.bpf.o`. */
  spec(name: string): ObjectSpec {
    const known = this.#specs.get(name) ?? readObjectSpec(`${BUILD}${name}.bpf.o`);
    this.#specs.set(name, known);
    return known;
  }

  /** Any programs of `build/<object>.bpf.o`; closed with this object. */
  load<Name extends string>(object: string, programs: readonly Name[], config: Partial<Config>): Record<Name, ProgFd> {
    const constants = { ...ZERO_CONFIG, ...config };
    const key = [object, ...programs, Buffer.from(encodeConfig(constants)).toString('base64')].join(' ');
    const loaded = this.#kept.programs(key, () =>
      loadPrograms({ spec: this.spec(object), maps: this.maps, config: constants, programs }),
    );
    this.#owned.push(...Object.values<ProgFd>(loaded));
    if (this.#owned.length > MAX_PROGRAMS) throw new Error(`a test holds more than ${MAX_PROGRAMS} programs at once`);
    return loaded;
  }

  /** The programs that all endpoints share; installed by the first `loadEndpoint` with its configuration. */
  installJudges(config: Partial<Config> = {}): void {
    this.#judges = true;
    putJudges(this.maps, this.load('judge', JUDGE_PROGRAMS, { ...config, endpoint: ZERO_CONFIG.endpoint }));
  }

  /** The two programs of an endpoint, which is put into the endpoints map when its config has an IPv4 address. */
  loadEndpoint(config: Partial<Config> & { readonly endpoint: EndpointId }): LoadedEndpoint {
    if (!this.#judges) this.installJudges(config);
    const { from_pod, to_pod } = this.load('endpoint', ['from_pod', 'to_pod'] as const, config);
    for (const addr of [config.ipv4, config.ipv6]) {
      if (addr === undefined || addr === null) continue;
      this.endpoints.set(
        addr,
        endpointRow({ endpoint: config.endpoint, ifindex: config.ifindex ?? ZERO_CONFIG.ifindex }),
      );
    }
    return { id: config.endpoint, fromPod: from_pod, toPod: to_pod };
  }

  /** Opens an endpoint: writes `table` under `revision` and then its word. */
  async open(
    endpoint: number,
    identity: number,
    revision: number,
    table: readonly PolicyTableRow[] = [],
  ): Promise<void> {
    if (table.length > 0) await this.policy.write(policyRevision(revision), table);
    this.words.set(endpointId(endpoint), { identity: identityId(identity), revision: policyRevision(revision) });
  }

  /** Gives these words of what is outside a fresh revision; a datapath judges nothing of the outside before. */
  turnOutside(ids: readonly EndpointId[], revision: number): void {
    for (const id of ids) this.words.set(id, { identity: identityId(1), revision: policyRevision(revision) });
  }

  run(program: ProgFd, packet: Uint8Array, options: RunOptions = {}): RunResult {
    const context = new DataView(new ArrayBuffer(SKB.size));
    context.setUint32(SKB.mark, options.mark ?? 0, true);
    context.setUint32(SKB.ingressIfindex, options.ingressIfindex ?? 0, true);
    context.setUint32(SKB.ifindex, options.ifindex ?? 0, true);
    for (const [index, word] of (options.cb ?? []).entries()) context.setUint32(SKB.cb + index * 4, word, true);
    const data = new Uint8Array(new ArrayBuffer(packet.length));
    data.set(packet);
    const result = progTestRun(program, {
      data,
      context: new Uint8Array(context.buffer),
      repeat: options.repeat ?? 1,
    });
    const out = new DataView(result.context.buffer);
    return {
      action: ACTIONS[result.retval as keyof typeof ACTIONS] ?? `${result.retval}`,
      packet: result.data,
      mark: out.getUint32(SKB.mark, true),
      cb: [0, 1, 2, 3, 4].map((index) => out.getUint32(SKB.cb + index * 4, true)),
      duration: result.duration,
    };
  }

  /** Events since the last call. */
  events(): Event[] {
    return this.#ring.drain();
  }

  missedEvents(endpoint: number): number {
    return this.accounts.missedEvents(endpointId(endpoint));
  }

  eventLoss(): EventLoss {
    return readEventLoss(this.maps);
  }

  async counters(): Promise<ReasonCounter[]> {
    return await readCounters(this.maps);
  }

  async drops(): Promise<EndpointDrop[]> {
    return await readDrops(this.maps);
  }

  async connections(): Promise<Connection[]> {
    return await listConnections(this.conntrack);
  }

  /** Runs the collector once. */
  collect(config: Partial<Config> = {}): CollectResult {
    const features = { enableMasquerade: true, enableServices: true, gatewayIpv4: GATEWAY };
    using collector = ConntrackCollector.load(this.spec('conntrack'), this.maps, {
      ...ZERO_CONFIG,
      ...features,
      ...config,
    });
    return collector.run();
  }

  /** Forgets an address's owner. */
  disown(addr: Addr): void {
    this.endpoints.delete(addr);
  }

  close(): void {
    for (const owned of this.#owned.splice(0)) owned[Symbol.dispose]();
    this.#ring.close();
    this.words.close();
    this.tenants.close();
    // Who closes twice must not take what somebody else has by then.
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isShared && idle.length < MAX_IDLE && this.#kept.empty()) idle.push(this.#kept);
    else this.#kept[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
