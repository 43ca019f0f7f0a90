import { type Config, ZERO_CONFIG } from '../../src/datapath/gen/config.ts';
import { OUTSIDE_WORDS } from '../../src/datapath/maps/outside.ts';
import { serviceMaps } from '../../src/datapath/maps/service-maps.ts';
import { translationsMap } from '../../src/datapath/maps/testkit.ts';
import { type LoadedEndpoint, TestDatapath } from '../../src/datapath/testkit.ts';
import type { DropReason } from '../../src/model/gen/enums.ts';
import { endpointId, type IdentityId, ifindex, type PolicyRevision, policyRevision } from '../../src/model/index.ts';
import { type Addr, addrFamily, macOfAddr, parseAddr, parseMac } from '../../src/net/index.ts';
import { IpcacheReconciler } from '../../src/plane/ipcache-reconciler.ts';
import type { DesiredPod, DesiredState } from './desired.ts';
import { type Flow, podKey, type World } from './world.ts';

export type ServiceFlow = Flow & { readonly frontend: NonNullable<Flow['frontend']> };

export const GATEWAY_MAC = parseMac('0a:58:a9:fe:01:01');
const NODE = endpointId(0);

/** Everything that has a part in a verdict; the pods of all nodes are local, so that both their halves are asked. */
const CONFIG: Config = {
  ...ZERO_CONFIG,
  enableIpv6: true,
  enableEvents: true,
  enableCidrSelects: true,
  enablePolicy: true,
  enableServices: true,
  gatewayMac: GATEWAY_MAC,
  gatewayIpv4: parseAddr('169.254.1.1'),
};

/** The one service that a flow goes through. */
const SERVICE_REVISION = 1;
const BACKEND = 1;

export type Hook = 'from_pod' | 'to_pod' | 'from_netdev';
/** `packet`: as it left. */
export type KernelVerdict =
  | { readonly verdict: 'allow'; readonly packet: Uint8Array }
  | { readonly verdict: 'deny'; readonly reason: DropReason };

/** The programs and maps of one node, brought from one world to the next. Programs stay loaded for their addresses. */
export class KernelNode implements Disposable {
  readonly #name: string;
  readonly #datapath = new TestDatapath({ sizes: { conntrack: 64 } });
  readonly #fromNetdev = this.#datapath.load('host', ['from_netdev'] as const, CONFIG).from_netdev;
  readonly #programs = new Map<string, LoadedEndpoint>();
  /** Of the present world, by `namespace/name`. */
  #endpoints = new Map<string, LoadedEndpoint>();
  readonly #ipcache = new IpcacheReconciler(this.#datapath.ipcache);
  #owners: readonly Addr[] = [];
  #revisions: readonly PolicyRevision[] = [];
  #lastRevision = 0;

  constructor(name: string) {
    this.#name = name;
  }

  async setUp(world: World, state: DesiredState): Promise<void> {
    const former = { owners: this.#owners, revisions: this.#revisions };
    const endpoints = [...this.#endpoints.values()];
    const tables = await this.#writeTables(state);
    await this.#writeOwners(world, state, former);

    this.#endpoints = new Map();
    this.#datapath.turnOutside(OUTSIDE_WORDS, this.#nextRevision());
    for (const [key, { pod, identity }] of state.pods) {
      const endpoint = this.#endpoint(pod.addrs);
      const revision = tables.get(identity.id);
      if (revision === undefined) throw new Error(`identity ${identity.id} of ${key} has no table`);
      this.#endpoints.set(key, endpoint);
      this.#datapath.words.set(endpoint.id, { identity: identity.id, revision });
    }
    const living = new Set([...this.#endpoints.values()].map(({ id }) => id));
    for (const { id } of endpoints) if (!living.has(id)) this.#datapath.words.clear(id);
    for (const revision of former.revisions) await this.#datapath.policy.delete(revision);
  }

  async #writeTables(state: DesiredState): Promise<Map<IdentityId, PolicyRevision>> {
    const revisions = new Map<IdentityId, PolicyRevision>();
    for (const [id, table] of state.tables) {
      const revision = this.#nextRevision();
      await this.#datapath.policy.write(revision, table);
      revisions.set(id, revision);
    }
    this.#revisions = [...revisions.values()];
    return revisions;
  }

  /** Local pods and this node by address, everybody else by prefix, as an agent writes them. */
  async #writeOwners(world: World, state: DesiredState, former: { readonly owners: readonly Addr[] }): Promise<void> {
    const { endpoints } = this.#datapath;
    await endpoints.deleteMany(former.owners);
    const pods = new Map([...state.pods.values()].flatMap((own) => own.pod.addrs.map((addr) => [addr, own] as const)));
    const own = new Set(world.nodes.find(({ name }) => name === this.#name)?.addrs);
    const elsewhere = new Map(state.ipcache(this.#name));
    const owners: Addr[] = [];
    for (const [text, { prefix, value }] of state.ipcache(this.#name)) {
      const addr = prefix.length === prefix.bits ? prefix.network : undefined;
      const pod = addr === undefined ? undefined : pods.get(addr);
      if (addr === undefined || (pod === undefined && !own.has(addr))) continue;
      endpoints.set(addr, { ...this.#place(pod), cidrIdentity: value.cidrIdentity });
      owners.push(addr);
      elsewhere.delete(text);
    }
    // Every world is judged under fresh words.
    await this.#ipcache.reconcile(elsewhere, { unsettle: () => undefined });
    this.#owners = owners;
  }

  #place(pod: DesiredPod | undefined) {
    if (pod === undefined) return { endpoint: NODE, ifindex: ifindex(0) };
    const { id } = this.#endpoint(pod.pod.addrs);
    return { endpoint: id, ifindex: ifindex(1000 + id) };
  }

  #endpoint(addrs: readonly Addr[]): LoadedEndpoint {
    const key = addrs.join(' ');
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const id = endpointId(this.#programs.size + 1);
    const of = (family: 4 | 6) => addrs.find((addr) => addrFamily(addr) === family) ?? null;
    const [first] = addrs;
    if (first === undefined) throw new Error('a pod without an address');
    const loaded = this.#datapath.loadEndpoint({
      ...CONFIG,
      endpoint: id,
      ifindex: ifindex(1000 + id),
      ipv4: of(4),
      ipv6: of(6),
      mac: macOfAddr(first),
    });
    this.#programs.set(key, loaded);
    return loaded;
  }

  #nextRevision(): PolicyRevision {
    this.#lastRevision += 1;
    return policyRevision(this.#lastRevision);
  }

  /** Judges the first packet of a connection. `forwarded`: it came to the node by a device. */
  async judge(
    hook: Hook,
    pod: { namespace: string; name: string },
    frame: Uint8Array,
    forwarded: boolean,
  ): Promise<KernelVerdict> {
    const endpoint = this.#endpoints.get(podKey(pod));
    if (endpoint === undefined) throw new Error(`${podKey(pod)} has no endpoint`);
    const program = { from_pod: endpoint.fromPod, to_pod: endpoint.toPod, from_netdev: this.#fromNetdev }[hook];
    this.#datapath.events();
    const { action, packet } = this.#datapath.run(program, frame, { ingressIfindex: forwarded ? 1 : 0 });
    const drop = this.#datapath.events().find(({ type }) => type === 'drop');
    const connections = await this.#datapath.conntrack.entries();
    await this.#datapath.conntrack.deleteMany(connections.map(([key]) => key));
    return action === 'drop' ? { verdict: 'deny', reason: drop?.reason ?? 'none' } : { verdict: 'allow', packet };
  }

  /** A service with one backend, for the time of `judge`. */
  async withService<T>({ frontend, to, protocol, port }: ServiceFlow, judge: () => Promise<T>): Promise<T> {
    const { backends, slots, services } = serviceMaps(this.#datapath.maps);
    const key = { addr: frontend.addr, port: frontend.port, protocol, scope: 'inside' } as const;
    backends.set(BACKEND, { addr: to.addr, port, protocol, flags: 0 });
    slots.set({ revision: SERVICE_REVISION, slot: 0 }, { backend: BACKEND });
    services.set(key, { revision: SERVICE_REVISION, count: 1, service: 1, affinitySeconds: 0, flags: 0 });
    try {
      return await judge();
    } finally {
      services.delete(key);
      backends.delete(BACKEND);
      const translations = translationsMap(this.#datapath.maps);
      await translations.deleteMany((await translations.entries()).map(([own]) => own));
    }
  }

  [Symbol.dispose](): void {
    this.#datapath.close();
  }
}
