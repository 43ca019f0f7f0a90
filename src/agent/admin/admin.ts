import { release } from 'node:os';
import type {
  AdminApi,
  AgentStatus,
  ConnectionView,
  DoctorReport,
  EndpointRef,
  EndpointView,
  FootprintView,
  IdentityRef,
  IdentityView,
  LintRequest,
  LintView,
  NodeView,
  ObserveRequest,
  PeerView,
  PolicyFilter,
  PolicyView,
  ReplayRequest,
  ReplayView,
  ServiceList,
  SuggestRequest,
  SuggestView,
  TalksRequest,
  TalksView,
  TenantRef,
  TenantView,
  TraceRequest,
  TraceView,
  VerifyRequest,
  VerifyView,
  WhyRequest,
  WhyView,
} from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import type { AddressBook, Intent, PodIdentities, PodsElsewhere } from '../../cluster/index.ts';
import {
  type Config,
  conntrackMap,
  type EndpointAccounts,
  type EndpointWords,
  kernelHolders,
  type MapSet,
  monotonicTick,
  readDrops,
  SWITCHES,
  type TenantAccount,
  tunnelTraffic,
} from '../../datapath/index.ts';
import { type ClusterNumbers, RESERVED_IDS } from '../../identity/index.ts';
import { endpointId, type FlowMessage, type PolicyKey, policyKey, type TenantRow } from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';
import type { FlowHub, Rights } from '../../observe/index.ts';
import type {
  EndpointTable,
  Engine,
  Floor,
  PolicyFollower,
  PolicyInstaller,
  Prover,
  Shares,
  TenantWorlds,
} from '../../plane/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';
import type { Doctor } from '../doctor/index.ts';
import type { AgentConfig } from '../node/index.ts';
import { endName, type ProofWatch, podNames, seenName, type Verifier } from '../proof/index.ts';
import type { Services } from '../services/index.ts';
import { agentChecks, type ChecksContext } from './checks.ts';
import { connectionViews } from './connections.ts';
import { endpointCounters, endpointView, nodeDrops } from './endpoints.ts';
import { identityViews } from './identities.ts';
import { lintView } from './lint.ts';
import { peerViews } from './peers.ts';
import { type PolicyViewContext, policyView } from './policies.ts';
import { policyStanding } from './policy-standing.ts';
import { replayed } from './replay.ts';
import { serviceList } from './services.ts';
import { suggest } from './suggest.ts';
import { talks } from './talks.ts';
import { tenantOf, tenantViews } from './tenants.ts';
import { trace } from './trace.ts';
import { resolveEnd, type TraceContext } from './trace-ends.ts';
import { why } from './why.ts';

export type AdminOptions = ChecksContext & {
  readonly config: AgentConfig;
  readonly version: string;
  readonly programConfig: Config;
  readonly intent: Intent;
  readonly endpoints: EndpointTable;
  readonly identities: PodIdentities;
  readonly allocator: ClusterNumbers;
  readonly repository: PolicyRepository;
  readonly book: AddressBook;
  readonly elsewhere: PodsElsewhere;
  readonly policies: PolicyFollower;
  readonly installer: PolicyInstaller;
  readonly floor: Pick<Floor, 'membership' | 'whole' | 'differences' | 'accountOf'>;
  readonly shares: Shares;
  readonly worlds: Pick<TenantWorlds, 'problemsOf' | 'differences'>;
  readonly engine: Engine;
  readonly services: Services | undefined;
  /** Whose sockets are turned to backends; undefined: nobody's. */
  readonly serviceCgroup: () => string | undefined;
  readonly hub: FlowHub;
  readonly rights: Rights;
  readonly maps: MapSet;
  readonly accounts: EndpointAccounts;
  readonly words: EndpointWords;
  readonly nodeAddresses: () => readonly Addr[];
  readonly metricsText: () => Promise<string>;
  readonly footprint: () => Promise<FootprintView>;
  readonly doctor: Doctor;
  readonly verifier: Verifier;
  readonly watch: Pick<ProofWatch, 'standing' | 'untold' | 'prove'>;
  readonly prover: Pick<Prover, 'prove'>;
};

/** What the agent tells; asking changes nothing. */
export class Admin implements AdminApi {
  readonly #o: AdminOptions;
  readonly #startedAt = new Date().toISOString();

  constructor(options: AdminOptions) {
    this.#o = options;
  }

  async status(): Promise<AgentStatus> {
    const { config, version, programConfig, endpoints, intent, engine, allocator, repository, installer, hub } =
      this.#o;
    const all = endpoints.values();
    const revisions = Array.from(installer.entries(), ([, { revision }]) => revision);
    return {
      node: config.nodeName,
      cluster: config.clusterName,
      version,
      pid: process.pid,
      startedAt: this.#startedAt,
      ready: intent.synced && engine.converged,
      kernel: release(),
      policyEnforcement: config.policyEnforcement,
      policyRevision: Math.max(0, ...revisions),
      features: Object.fromEntries(SWITCHES.map((name) => [name, programConfig[name]])),
      checks: agentChecks(this.#o, [
        ...(await this.#o.shares.differences(Date.now())),
        ...(await this.#o.worlds.differences()),
      ]),
      counts: {
        endpoints: all.length,
        endpointsReady: all.filter(({ state }) => state === 'ready').length,
        identities: allocator.identities().length,
        policies: repository.policyCount,
        nodes: intent.nodes.rows.size,
      },
      flows: hub.stats(),
    };
  }

  async endpoints(): Promise<EndpointView[]> {
    return this.#o.endpoints.values().map((endpoint) => endpointView(endpoint, this.#viewContext()));
  }

  async endpoint(ref: EndpointRef): Promise<EndpointView | undefined> {
    const { endpoints, maps, accounts } = this.#o;
    const found = endpoints
      .values()
      .find(({ record }) =>
        'id' in ref ? record.id === ref.id : record.pod.namespace === ref.namespace && record.pod.name === ref.pod,
      );
    if (found === undefined) return undefined;
    const counters = await endpointCounters(maps, accounts, found.record.id);
    return { ...endpointView(found, this.#viewContext()), counters };
  }

  async identities(): Promise<IdentityView[]> {
    return identityViews({ ...this.#o, nodeName: this.#o.config.nodeName });
  }

  async identity({ id }: IdentityRef): Promise<IdentityView | undefined> {
    return (await this.identities()).find((identity) => identity.id === id);
  }

  async policies(filter: PolicyFilter): Promise<PolicyView[]> {
    const context = this.#policyContext();
    return this.#o.intent.policies.rows
      .values()
      .filter(
        ({ kind, namespace, name }) =>
          (filter.kind ?? kind) === kind &&
          (filter.namespace ?? namespace) === namespace &&
          (filter.name ?? name) === name,
      )
      .map((row) => policyView(row, context))
      .toArray();
  }

  /** How these stand, by name; those that are gone are missing. */
  policiesNamed(keys: ReadonlySet<PolicyKey>): ReadonlyMap<PolicyKey, PolicyView> {
    const context = this.#policyContext();
    const { intent } = this.#o;
    const rows = Array.from(keys).flatMap((key) => intent.policies.get(key) ?? []);
    return new Map(rows.map((row) => [policyKey(row), policyView(row, context)]));
  }

  async trace(request: TraceRequest): Promise<TraceView> {
    return trace(request, this.#traceContext());
  }

  /** `sees`: of no pods of other namespaces is anything told, nor of prefixes. */
  async why(request: WhyRequest, sees?: (namespace: string) => boolean): Promise<WhyView> {
    const { endpoints, prover } = this.#o;
    return await why(request, { ...this.#traceContext(), prover }, (accounts) => {
      const names = podNames(accounts, (id) => {
        const pod = endpoints.get(id)?.record.pod;
        return pod && namespacedName(pod);
      });
      return (peer) => {
        const identity = accounts.identities.get(peer.identity);
        return sees === undefined
          ? endName(peer, identity, names.get(peer.identity))
          : seenName(peer, identity, names.get(peer.identity), sees);
      };
    });
  }

  /** Namespaces by tenant, as what is in force and proofs have it; of `''`: that nobody has. */
  tenantNamespaces(): ReadonlyMap<string, readonly string[]> {
    const { intent, floor } = this.#o;
    const names = Array.from(intent.namespaces.rows.values(), ({ name }) => name);
    return Map.groupBy(names, (name) => tenantOf(floor.membership, name));
  }

  /** The same, and why all of one is closed. */
  tenantsInForce() {
    const { tenants } = this.#o.floor.membership;
    return Array.from(this.tenantNamespaces(), ([name, namespaces]) => ({
      name,
      namespaces,
      closed: tenants.get(name)?.closed,
    }));
  }

  async talks(request: TalksRequest): Promise<TalksView> {
    const { hub, config, endpoints } = this.#o;
    return await talks(request, {
      hub,
      node: config.nodeName,
      startedAt: Date.parse(this.#startedAt),
      connections: (signal) => this.connections(signal),
      podOf: (id) => endpoints.get(endpointId(id))?.record.pod,
    });
  }

  async suggest(request: SuggestRequest): Promise<SuggestView> {
    return await suggest(request, { ...this.#o, nodeName: this.#o.config.nodeName });
  }

  #traceContext(): TraceContext {
    const { services, config, programConfig } = this.#o;
    return {
      ...this.#o,
      nodeName: config.nodeName,
      overlay: programConfig.enableOverlay,
      native: programConfig.enableNative,
      serviceAt: (place) => services?.follower.at(place),
    };
  }

  async lint(request: LintRequest): Promise<LintView> {
    return lintView(request, { ...this.#o, cluster: this.#o.config.clusterName });
  }

  async replay(request: ReplayRequest): Promise<ReplayView> {
    return await replayed(request, { ...this.#traceContext(), hub: this.#o.hub });
  }

  async tenants(): Promise<TenantView[]> {
    const { floor, maps, accounts } = this.#o;
    const accountOf = (tenant: TenantRow): TenantAccount | undefined => floor.accountOf(tenant);
    const holders = kernelHolders(maps);
    return await tenantViews({
      ...this.#o,
      membership: floor.whole,
      inForce: floor.membership,
      accountOf,
      holders,
      drops: async () => await readDrops(maps),
      untold: accounts.beyondTenant.bind(accounts),
    });
  }

  async tenant({ name }: TenantRef): Promise<TenantView | undefined> {
    return (await this.tenants()).find((tenant) => tenant.name === name);
  }

  async verify(request: VerifyRequest): Promise<VerifyView> {
    const { tenant, from, against } = request;
    if (tenant === undefined && from === undefined && against !== 'intent') return await this.#o.watch.prove();
    return await this.#o.verifier.verify(request, (text) => resolveEnd(text, this.#traceContext()));
  }

  connections(signal: AbortSignal): AsyncIterable<readonly ConnectionView[]> {
    return connectionViews(conntrackMap(this.#o.maps), this.#o, signal);
  }

  async nodes(): Promise<NodeView[]> {
    const { intent, config, book, maps } = this.#o;
    const drops = await nodeDrops(maps);
    return Array.from(intent.nodes.rows.values(), (row) => ({
      name: row.name,
      local: row.name === config.nodeName,
      addresses: [...row.addresses],
      podCIDRs: [...row.podCIDRs],
      identity:
        row.name === config.nodeName
          ? RESERVED_IDS.host
          : RESERVED_IDS[book.hasApiServer(row.addresses) ? 'kube-apiserver' : 'remote-node'],
      ...(row.name === config.nodeName && { drops }),
    }));
  }

  async peers(): Promise<PeerView[]> {
    const { intent, config, maps } = this.#o;
    const traffic = async () => {
      const entries = await conntrackMap(maps).entries();
      return tunnelTraffic(
        entries.map(([, entry]) => entry),
        monotonicTick(),
      );
    };
    return await peerViews({
      nodeName: config.nodeName,
      nodes: intent.nodes.rows.values(),
      traffic: () => (config.routing === 'tunnel' ? traffic() : undefined),
    });
  }

  async services(): Promise<ServiceList> {
    const { intent, services, serviceCgroup } = this.#o;
    return services === undefined ? { enabled: false, items: [] } : serviceList(intent, services, serviceCgroup());
  }

  async footprint(): Promise<FootprintView> {
    return await this.#o.footprint();
  }

  async doctor(): Promise<DoctorReport> {
    return await this.#o.doctor.examine();
  }

  async metrics(): Promise<string> {
    return await this.#o.metricsText();
  }

  observe(request: ObserveRequest, signal: AbortSignal): AsyncIterable<readonly FlowMessage[]> {
    const { hub, rights } = this.#o;
    const { as, ...query } = request;
    return hub.observe({ ...query, viewer: as && rights.viewer({ name: as.user, groups: as.groups }) }, signal);
  }

  #viewContext() {
    const { words, installer, engine } = this.#o;
    return { words, installer, identityOf: engine.identityOf.bind(engine) };
  }

  #policyContext(): PolicyViewContext {
    const { repository, endpoints, engine, installer, policies, intent } = this.#o;
    const identityOf = engine.identityOf.bind(engine);
    return {
      ...policyStanding({ endpoints: endpoints.values(), identityOf, repository, installer, policies, intent }),
      repository,
      problems: policies.problems,
      takenUpAt: (key) => policies.takenUpAt(key),
      converged: engine.converged,
    };
  }
}
