import { inSlices, namespacedName, type Steps } from '../../base/index.ts';
import type { Cluster } from '../../cluster/index.ts';
import { type ClusterNumbers, RESERVED_IDENTITIES } from '../../identity/index.ts';
import type { EndpointId, Identity, IdentityId, PolicyEntry } from '../../model/index.ts';
import { METADATA_ADDRESSES, PROTOCOL_NUMBERS, Prefix } from '../../net/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';
import {
  type Difference,
  differences,
  type FrontendDifference,
  type IntentShare,
  IntentWorld,
  KernelWorld,
  type Peer,
  type TenantMembers,
  type TenantPair,
  tenantPairs,
  type World,
} from '../../reach/index.ts';
import { type Membership, SYSTEM_TENANT, type TenancySettings } from '../../tenant/index.ts';
import type { EndpointTable } from '../endpoint-table.ts';
import type { Engine } from '../engine.ts';
import { planeErrors } from '../errors.ts';
import type { IpcacheReconciler } from '../ipcache-reconciler.ts';
import type { LocalAddresses } from '../local-addresses.ts';
import type { ServiceProof, ServiceProver } from '../services/service-prover.ts';
import type { Floor } from '../tenants/floor.ts';
import type { Shares } from '../tenants/shares.ts';
import { type KernelRows, type ProofMaps, readKernel } from './kernel-dump.ts';
import { peersOf, type WrongRow, wrongRows } from './who.ts';

export type ProverOptions = {
  readonly maps: ProofMaps;
  readonly cluster: Cluster;
  readonly allocator: ClusterNumbers;
  readonly repository: PolicyRepository;
  readonly endpoints: EndpointTable;
  readonly engine: Engine;
  readonly local: LocalAddresses;
  readonly ipcache: IpcacheReconciler;
  readonly floor: Pick<Floor, 'membership'>;
  readonly shares: Pick<Shares, 'all'>;
  readonly tenancy: TenancySettings;
  /** Undefined: this node serves none. */
  readonly services: Pick<ServiceProver, 'prove'> | undefined;
};

/** What is meant and what is in the kernel, read at one moment at which nothing was being written. */
export type Accounts = {
  readonly intent: IntentWorld;
  readonly kernel: KernelWorld;
  readonly rows: KernelRows;
  readonly identities: ReadonlyMap<IdentityId, Identity>;
  readonly intentShares: readonly IntentShare[];
  readonly peers: readonly Peer[];
  readonly tenants: readonly TenantMembers[];
  /** Whose a namespace is, by name as in `tenants`; undefined: it is closed. */
  readonly tenantOf: (namespace: string) => string | undefined;
  /** Of Tenant objects, by name. */
  readonly generations: ReadonlyMap<string, number>;
  readonly wrong: readonly WrongRow[];
};

export type Proof = {
  readonly accounts: Accounts;
  /** Up to `MOST_DIFFERENCES`; how many more there are. */
  readonly differences: readonly Difference[];
  readonly more: number;
  /** Where clients of services are sent; undefined: nothing is known of it yet, or there are none here. */
  readonly services: ServiceProof | undefined;
  readonly pairs: Readonly<Record<'intent' | 'kernel', readonly TenantPair[]>>;
  /** Sorts of packets and ends that were compared say little; how long it took does. Milliseconds, reading included. */
  readonly tookMs: number;
};

const MOST_DIFFERENCES = 100;
/** Each a reading of all maps: whoever changes policies all the time is told so. */
const ATTEMPTS = 5;

/** Proves for this node that the kernel lets pass what is meant to, and nothing else. Writes nothing. */
export class Prover {
  readonly #o: ProverOptions;

  constructor(options: ProverOptions) {
    this.#o = options;
  }

  /**
   * E_PLANE_UNSETTLED when something was being written at every attempt. What is found is looked for twice: pods come and go
   * beside the engine's passes, and are in one table before they are in another.
   */
  async prove(): Promise<Proof> {
    const first = await this.#attempt();
    const ofServices = first.services?.differences ?? [];
    if (first.differences.length + first.accounts.wrong.length + ofServices.length === 0) return first;
    const second = await this.#attempt();
    const known = new Set(
      [first.differences.map(differenceKey), first.accounts.wrong.map(rowKey), ofServices.map(frontendKey)].flat(),
    );
    const differences = second.differences.filter((one) => known.has(differenceKey(one)));
    const wrong = second.accounts.wrong.filter((one) => known.has(rowKey(one)));
    const services = second.services && {
      ...second.services,
      differences: second.services.differences.filter((one) => known.has(frontendKey(one))),
    };
    return { ...second, differences, services, accounts: { ...second.accounts, wrong } };
  }

  async #attempt(): Promise<Proof> {
    const { engine } = this.#o;
    const began = performance.now();
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      await engine.idle();
      const before = engine.begun;
      const isStill = () => engine.begun === before && !engine.busy;
      const accounts = await this.#read(isStill);
      if (accounts === undefined) continue;
      const intent = await inSlices(this.#pairs(accounts.intent, accounts, accounts.intentShares));
      const kernel = await inSlices(this.#pairs(accounts.kernel, accounts, accounts.rows.shares));
      const compared = await inSlices(collect(accounts));
      if (!isStill()) continue;
      // Services change each for itself, and are settled each for itself.
      const services = await this.#o.services?.prove();
      return { accounts, ...compared, services, pairs: { intent, kernel }, tookMs: performance.now() - began };
    }
    throw planeErrors.make('E_PLANE_UNSETTLED', { detail: `${ATTEMPTS} times` });
  }

  /** Undefined: something was being written. */
  async #read(isStill: () => boolean): Promise<Accounts | undefined> {
    const { maps, cluster, allocator, repository, floor, shares, tenancy, local, ipcache } = this.#o;
    const { settings } = repository;
    const rows = await readKernel(maps, { enforced: settings.enforcement !== 'never', isStill });
    if (rows === undefined) return undefined;
    const pods = allocator.identities();
    const all: Identity[] = [...pods, ...RESERVED_IDENTITIES, ...repository.cidrs.identities()];
    const identities = new Map(all.map((identity) => [identity.id, identity]));
    const { membership } = floor;
    const intentShares = Array.from(shares.all(), ({ opener, responder, protocol, port }) => ({
      opener,
      responder,
      protocol: PROTOCOL_NUMBERS[protocol],
      port,
    }));
    const intent = new IntentWorld({
      identities,
      belonging: (namespace) => membership.of(namespace),
      unassigned: tenancy.unassigned,
      shares: intentShares,
      entriesFor: (id): readonly PolicyEntry[] => repository.entriesFor(id),
      settings,
    });
    const tenants = membersOf(pods, membership);
    const tenantOf = (namespace: string) => tenantName(membership, namespace);
    const generations = new Map(membership.tenants.values().map(({ name, generation }) => [name, generation]));
    const ids = pods.map(({ id }) => id);
    const listed = listedOf(membership, rows);
    const peers = await inSlices(peersOf(rows, { others: ids, listed }));
    if (!isStill()) return undefined;
    const identityOf = (id: EndpointId) => this.#identityOf(id);
    const wrong = await inSlices(wrongRows(rows, { identityOf, local, book: cluster.book, ipcache }));
    if (!isStill()) return undefined;
    const kernel = new KernelWorld(rows);
    return { intent, kernel, rows, identities, intentShares, peers, tenants, tenantOf, generations, wrong };
  }

  #identityOf(id: EndpointId) {
    const { endpoints, engine } = this.#o;
    const endpoint = endpoints.get(id);
    return endpoint && { pod: namespacedName(endpoint.record.pod), identity: engine.identityOf(endpoint)?.id };
  }

  *#pairs(world: World, { tenants }: Accounts, shares: readonly IntentShare[]): Steps<TenantPair[]> {
    const pairs: TenantPair[] = [];
    for (const pair of tenantPairs(world, tenants, shares)) {
      if (pair === undefined) yield;
      else pairs.push(pair);
    }
    return pairs;
  }
}

const rowKey = ({ row, meant }: WrongRow): string => `${row}\n${meant}`;

const frontendKey = ({ effect, rows, meant }: FrontendDifference): string => [effect, ...rows, ...meant].join('\n');

const differenceKey = ({ layer, direction, effect, rows, meant }: Difference): string =>
  [layer, direction, effect, ...rows, ...meant].join('\n');

function* collect(accounts: Accounts): Steps<Pick<Proof, 'differences' | 'more'>> {
  const { intent, kernel, rows, intentShares, peers } = accounts;
  const found: Difference[] = [];
  let more = 0;
  for (const difference of differences({ intent, kernel, dump: rows, intentShares, peers })) {
    if (difference === undefined) yield;
    else if (found.length < MOST_DIFFERENCES) found.push(difference);
    else more += 1;
  }
  return { differences: found, more };
}

/** Between which of the addresses outside tenants make a difference, whether it is meant or only in the kernel. */
function listedOf({ tenants }: Membership, { listed }: KernelRows): Prefix[] {
  if (tenants.size === 0 && listed.length === 0) return [];
  const meant = Array.from(tenants.values()).flatMap(({ world }) => world.cidrs);
  const all = [...METADATA_ADDRESSES.map((addr) => Prefix.host(addr)), ...meant, ...listed.map(({ prefix }) => prefix)];
  return Array.from(new Map(all.map((prefix) => [prefix.toString(), prefix])).values());
}

function tenantName(membership: Membership, namespace: string): string | undefined {
  const owner = membership.of(namespace);
  if (owner.state === 'closed') return undefined;
  return owner.state === 'tenant' ? owner.tenant.name : owner.state === 'system' ? SYSTEM_TENANT : '';
}

/** Whose the known identities are: each Tenant, the system, and of no name what nobody claims. Those of closed namespaces are no tenant's. */
function membersOf(pods: Iterable<Extract<Identity, { kind: 'pod' }>>, membership: Membership): TenantMembers[] {
  const members = new Map<string, IdentityId[]>();
  for (const name of [...membership.tenants.keys(), SYSTEM_TENANT, '']) members.set(name, []);
  for (const { id, workload } of pods) {
    const name = tenantName(membership, workload.namespace);
    if (name !== undefined) members.get(name)?.push(id);
  }
  return Array.from(members, ([name, identities]) => ({ name, identities }));
}
