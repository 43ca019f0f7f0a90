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
import { Evidence } from './evidence.ts';
import { type KernelBytes, type KernelRows, kernelRows, type ProofMaps, readKernel } from './kernel-dump.ts';
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
  /** Undefined: something was found, or changed meanwhile. */
  readonly proved: Proved | undefined;
};

/** What nothing was found of, for `proveAgain`. */
export type Proved = { readonly evidence: Evidence; readonly frontends: number | undefined };

/** `same`: all that a proof is made of is as it was, and so is what it says. */
export type Again =
  | { readonly kind: 'same'; readonly tookMs: number }
  | { readonly kind: 'anew'; readonly proof: Proof };

type IsStill = () => boolean;
type Reading = { readonly bytes: KernelBytes; readonly evidence: Evidence };

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
    return await this.#confirmed(await this.#anew());
  }

  /** The same, but nothing is made of what is read where all of it is as it was for `known`. */
  async proveAgain(known: Proved): Promise<Again> {
    const began = performance.now();
    const found = await this.#settled(async (isStill) => {
      const read = await this.#read(isStill);
      if (read === undefined) return undefined;
      if (known.evidence.equals(read.evidence) && (await this.#isServed(known))) return 'same';
      return await this.#judge(read, isStill, began);
    });
    if (found === 'same') return { kind: 'same', tookMs: performance.now() - began };
    return { kind: 'anew', proof: await this.#confirmed(found) };
  }

  async #confirmed(first: Proof): Promise<Proof> {
    const ofServices = first.services?.differences ?? [];
    if (first.differences.length + first.accounts.wrong.length + ofServices.length === 0) return first;
    const second = await this.#anew();
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

  async #anew(): Promise<Proof> {
    const began = performance.now();
    return await this.#settled(async (isStill) => {
      const read = await this.#read(isStill);
      return read && (await this.#judge(read, isStill, began));
    });
  }

  /** What `work` gives as soon as nothing was being written while it did; it gives up when it is no longer `isStill`. */
  async #settled<T>(work: (isStill: IsStill) => Promise<T | undefined>): Promise<T> {
    const { engine } = this.#o;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      await engine.idle();
      const before = engine.begun;
      const found = await work(() => engine.begun === before && !engine.busy);
      if (found !== undefined) return found;
    }
    throw planeErrors.make('E_PLANE_UNSETTLED', { detail: `${ATTEMPTS} times` });
  }

  async #read(isStill: IsStill): Promise<Reading | undefined> {
    const { maps, repository } = this.#o;
    const enforced = repository.settings.enforcement !== 'never';
    const bytes = await readKernel(maps, { enforced, isStill });
    return bytes && { bytes, evidence: this.#evidence(bytes) };
  }

  /** All that a proof is made of: whatever it asks, of whomever, is to be here. */
  #evidence({ digest, words, subjects }: KernelBytes): Evidence {
    const { cluster, allocator, repository, floor, local, ipcache } = this.#o;
    const shares = JSON.stringify(this.#intentShares());
    const whoAreHere = words.flatMap(([id]) => {
      const { pod, identity } = this.#identityOf(id) ?? {};
      return [pod, identity];
    });
    const addresses = Array.from(local.entries(), ([addr, { endpoint, cidrIdentity }]) => [
      addr,
      endpoint,
      cidrIdentity,
    ]);
    const entries = subjects.map(({ identity }) => repository.entriesFor(identity));
    return new Evidence(digest, [
      floor.membership,
      cluster.book.generation,
      ipcache.generation,
      repository.policyCount,
      shares,
      ...parts([allocator.identities(), repository.cidrs.identities(), whoAreHere, ...addresses, ...entries]),
    ]);
  }

  /** Nothing was found of services, and as many frontends were looked at as then. */
  async #isServed({ frontends }: Proved): Promise<boolean> {
    const services = await this.#o.services?.prove();
    return services?.frontends === frontends && (services?.differences.length ?? 0) === 0;
  }

  /** Undefined: something was being written. */
  async #judge({ bytes, evidence }: Reading, isStill: IsStill, began: number): Promise<Proof | undefined> {
    const accounts = await this.#accounts(bytes, isStill);
    if (accounts === undefined) return undefined;
    const intent = await inSlices(this.#pairs(accounts.intent, accounts, accounts.intentShares));
    const kernel = await inSlices(this.#pairs(accounts.kernel, accounts, accounts.rows.shares));
    const compared = await inSlices(collect(accounts));
    if (!isStill()) return undefined;
    // Endpoints change beside the engine's passes: it was all made of this if it is so before and after.
    const isOf = evidence.equals(this.#evidence(bytes));
    // Services change each for itself, and are settled each for itself.
    const services = await this.#o.services?.prove();
    const found = compared.differences.length + accounts.wrong.length + (services?.differences.length ?? 0);
    return {
      accounts,
      ...compared,
      services,
      pairs: { intent, kernel },
      tookMs: performance.now() - began,
      proved: isOf && found === 0 ? { evidence, frontends: services?.frontends } : undefined,
    };
  }

  #intentShares(): IntentShare[] {
    return Array.from(this.#o.shares.all(), ({ opener, responder, protocol, port }) => ({
      opener,
      responder,
      protocol: PROTOCOL_NUMBERS[protocol],
      port,
    }));
  }

  /** Undefined: something was being written. */
  async #accounts(bytes: KernelBytes, isStill: IsStill): Promise<Accounts | undefined> {
    const { maps, cluster, allocator, repository, floor, tenancy, local, ipcache } = this.#o;
    const { settings } = repository;
    const rows = kernelRows(bytes, maps);
    const pods = allocator.identities();
    const all: Identity[] = [...pods, ...RESERVED_IDENTITIES, ...repository.cidrs.identities()];
    const identities = new Map(all.map((identity) => [identity.id, identity]));
    const { membership } = floor;
    const intentShares = this.#intentShares();
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

/** One list of several, in which each can still be told from the next. */
const parts = (lists: readonly (readonly unknown[])[]): unknown[] => lists.flatMap((list) => [list.length, ...list]);

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
