import { type Clock, type Logger, Signal } from '../base/index.ts';
import { Cluster, Intent, ObjectProblems, prefixLimits } from '../cluster/index.ts';
import {
  type EndpointsMap,
  type EndpointWords,
  type IpcacheMap,
  type PolicyMaps,
  PolicyTables,
} from '../datapath/index.ts';
import type { EndpointRecord } from '../endpoint/index.ts';
import { type CidrIdentities, type ClusterNumbers, LabelFilter, type LabelRule } from '../identity/index.ts';
import type { TenantShareOf } from '../model/index.ts';
import type { Addr, Prefix } from '../net/index.ts';
import { POLICY_KINDS, type PolicyKind, PolicyRepository, type RepositoryOptions } from '../policy/index.ts';
import { type TenancySettings, tenantShareOf } from '../tenant/index.ts';
import { EndpointTable } from './endpoint-table.ts';
import { Engine } from './engine.ts';
import { IpcacheReconciler } from './ipcache-reconciler.ts';
import { LocalAddresses } from './local-addresses.ts';
import { OutsideWords } from './outside-words.ts';
import type { PassTimes } from './passes.ts';
import { PolicyFollower } from './policies/policy-follower.ts';
import { PolicyInstaller } from './policies/policy-installer.ts';
import type { PolicyLimits } from './policies/policy-limits.ts';
import { Prover } from './proof/prover.ts';
import type { NumberReserve } from './revisions/index.ts';
import { openPlaneServices, type PlaneServices, type PlaneServicesOptions } from './services/plane-services.ts';
import { openPlaneTenants, type PlaneTenants, type PlaneTenantsMaps } from './tenants/plane-tenants.ts';

/** What the kernel reads, and what an earlier life of the plane left in it. */
export type PlaneMaps = PlaneTenantsMaps & {
  readonly endpoints: EndpointsMap;
  readonly ipcache: IpcacheMap;
  readonly policy: PolicyMaps;
  readonly words: EndpointWords;
};

/** What numbers mean, also to the next life. */
export type Numbering = {
  readonly allocator: ClusterNumbers;
  readonly cidrs: CidrIdentities;
  /** Called before any number is stated to the kernel. */
  readonly save: () => void;
  /** Of policy revisions. */
  readonly revisions: NumberReserve;
};

export type PlaneOptions = {
  readonly nodeName: string;
  readonly clusterName: string;
  /** IPv4 addresses of the node's devices now. */
  readonly nodeAddresses: () => readonly Addr[];
  /** Under which address packets go through the tunnel to other nodes; undefined: there is none. */
  readonly sendsAs?: Addr | undefined;
  readonly maps: PlaneMaps;
  /** Rows that the ipcache has room for. */
  readonly ipcacheRows: number;
  readonly numbering: Numbering;
  /** Defaults as `PolicyRepository` has them. */
  readonly policy?: Omit<RepositoryOptions, 'cidrs' | 'cidrSelects'>;
  readonly limits: PolicyLimits;
  readonly tenancy: TenancySettings;
  /** Default: all that there are. */
  readonly kinds?: readonly PolicyKind[];
  readonly cidrSelects: readonly ('pods' | 'nodes')[];
  readonly labelRules?: readonly LabelRule[] | undefined;
  /** Addresses of this node's pods, instead of what its Node says. */
  readonly podCIDR?: Prefix | undefined;
  /** Remembers which pod an endpoint serves, once that is known. */
  readonly saveEndpoint: (record: EndpointRecord) => void;
  readonly passTimes?: PassTimes;
  /** Where services get their addresses from; undefined: somebody will write it into the intent. */
  readonly serviceRanges: readonly Prefix[] | undefined;
  /** Undefined: this node serves none. */
  readonly services: PlaneServicesOptions | undefined;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Everything that decides about policy and services on one node, out of maps, a numbering and a clock: intent is written into `intent`,
 * endpoints into `endpoints`, and what follows is in the maps. The agent is this with a kernel below and the API server
 * above; tests and tools are this with other maps.
 */
export type Plane = PlaneTenants & {
  readonly intent: Intent;
  readonly endpoints: EndpointTable;
  readonly problems: ObjectProblems;
  readonly allocator: ClusterNumbers;
  readonly cluster: Cluster;
  readonly repository: PolicyRepository;
  readonly policies: PolicyFollower;
  readonly installer: PolicyInstaller;
  readonly local: LocalAddresses;
  readonly ipcache: IpcacheReconciler;
  readonly engine: Engine;
  readonly prover: Prover;
  readonly services: PlaneServices | undefined;
  /** To be said by whoever changes endpoints. */
  readonly endpointsChanged: Signal;
};

/** Reads what an earlier life left; writes nothing before an engine starts. */
export async function openPlane(options: PlaneOptions): Promise<Plane> {
  const { maps, numbering, limits, nodeName, nodeAddresses, cidrSelects, passTimes, clock, log } = options;
  const { words } = maps;
  const { allocator, cidrs } = numbering;
  const { kinds = POLICY_KINDS } = options;
  const intent = new Intent(kinds);
  const { serviceRanges } = options;
  if (serviceRanges !== undefined) intent.serviceRanges.apply({ upserts: serviceRanges, deletes: [], synced: true });
  const endpoints = new EndpointTable();
  const problems = new ObjectProblems();
  const endpointsChanged = new Signal();
  const local = new LocalAddresses(maps.endpoints);
  await local.load();
  const ipcache = new IpcacheReconciler(maps.ipcache);
  await ipcache.load();
  const tables = new PolicyTables(maps.policy);
  const leftovers = await tables.load();

  const labels = new LabelFilter(options.labelRules);
  const repository = new PolicyRepository({
    ...options.policy,
    cidrSelects: [...cidrSelects],
    cidrs,
    isToldAnyway: (key) => labels.keeps(key),
  });
  const prefixes = prefixLimits({ ipcache: options.ipcacheRows, table: limits.table });
  const { selectors } = limits;
  const policies = new PolicyFollower({
    intent: intent.policies,
    repository,
    kinds,
    limits: prefixes,
    selectors,
    problems,
    clock,
    log,
  });
  const cluster = new Cluster({
    intent,
    allocator,
    repository,
    problems,
    nodeName,
    sendsAs: options.sendsAs,
    nodeAddresses,
    clusterName: options.clusterName,
    labelRules: options.labelRules,
    cidrSelects,
    maxAddresses: prefixes.addresses,
    podCIDR: options.podCIDR,
    remembered: ipcache.podRanges,
    log,
  });
  const { tenancy } = options;
  const tenants = await openPlaneTenants({
    maps,
    intent,
    numbers: allocator,
    cluster,
    repository,
    settings: tenancy,
  });
  const { floor, shares, sharedLabels, worlds } = tenants;
  const limitOf = (name: 'identities' | 'policyRows'): TenantShareOf => tenantShareOf(() => floor.membership, name);
  allocator.limitBy(limitOf('identities'));
  const installer = new PolicyInstaller({
    tables,
    repository,
    limits,
    shareOf: limitOf('policyRows'),
    leftovers,
    numbers: numbering.revisions,
    named: () => words.entries().map(([, { revision }]) => revision),
  });
  const engine = new Engine({
    cluster,
    endpoints,
    allocator,
    repository,
    policies,
    installer,
    ipcache,
    local,
    words,
    floor,
    shares,
    sharedLabels,
    worlds,
    outside: new OutsideWords({ words, freshRevision: () => installer.freshRevision() }),
    problems,
    nodeAddresses,
    saveNumbers: numbering.save,
    saveEndpoint: options.saveEndpoint,
    passTimes,
    clock,
    log,
  });
  wakeBy(engine, { intent, allocator, endpointsChanged, installer });
  const parts = { intent, endpoints, problems, endpointsChanged, nodeName, nodeAddresses, clock, log };
  const services = options.services && (await openPlaneServices(options.services, parts));
  const prover = new Prover({
    maps,
    cluster,
    allocator,
    repository,
    endpoints,
    engine,
    local,
    ipcache,
    floor,
    shares,
    tenancy,
    services: services?.prover,
  });
  return {
    intent,
    endpoints,
    problems,
    allocator,
    cluster,
    repository,
    policies,
    installer,
    local,
    ipcache,
    ...tenants,
    engine,
    prover,
    services,
    endpointsChanged,
  };
}

type News = Pick<Plane, 'intent' | 'allocator' | 'endpointsChanged' | 'installer'>;

/** Who tells the engine that there is something to do. */
function wakeBy(engine: Engine, { intent, allocator, endpointsChanged, installer }: News): void {
  // Of services it wants to know nothing but their addresses.
  const { pods, namespaces, nodes, nodeSlices, tenants, policies, services, serviceRanges } = intent;
  const tables = [pods, namespaces, nodes, nodeSlices, tenants, policies, services, serviceRanges];
  const news = [...tables.map(({ changed }) => changed), allocator.changed, endpointsChanged, installer.built];
  for (const signal of news) signal.listen(() => engine.kick());
  installer.failed.listen(() => engine.retry(installer.failure ?? ''));
}
