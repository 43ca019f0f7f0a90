import type { EndpointView, ServiceView } from '../api/index.ts';
import { errorMessage, type Lifecycle, Signal, systemClock } from '../base/index.ts';
import type { AgentLink, AgentList } from './agent-links.ts';
import type { Extent, Inventory, NodeSummary, ServiceSummary, TenantSummary, WorkloadView } from './messages.ts';
import { workloadKey, workloadOf } from './place.ts';

const LOOK_EVERY_MS = 2_000;

type Told = {
  readonly summary: NodeSummary;
  readonly cluster: string;
  readonly endpoints: readonly EndpointView[];
  readonly services: readonly ServiceView[];
  readonly tenants: readonly TenantSummary[];
  readonly policies: number;
};

/** What there is in the cluster, as its agents have it. Asked for only while somebody looks. */
export class InventoryWatch {
  /** Something of it is another. */
  readonly changed = new Signal();
  readonly #agents: AgentList;
  #now: Inventory = { nodes: [], tenants: [], workloads: [], services: [], policies: 0 };
  #cluster = '';
  #text = '';
  #watchers = 0;
  #wake: (() => void) | undefined;

  constructor(agents: AgentList) {
    this.#agents = agents;
  }

  get now(): Inventory {
    return this.#now;
  }

  get cluster(): string {
    return this.#cluster;
  }

  /** Returns what ends it. */
  watch(): () => void {
    this.#watchers += 1;
    this.#wake?.();
    return () => {
      this.#watchers -= 1;
    };
  }

  start(lifecycle: Pick<Lifecycle, 'spawn'>): void {
    lifecycle.spawn('inventory', async (signal) => {
      while (!signal.aborted) {
        if (this.#watchers === 0) await this.#called(signal);
        if (signal.aborted) return;
        await this.look();
        await systemClock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      }
    });
  }

  async look(): Promise<void> {
    const told = await Promise.all(this.#agents.all.map(askOf));
    this.#cluster = told.map(({ cluster }) => cluster).find((cluster) => cluster !== '') ?? this.#cluster;
    const next = inventoryOf(told);
    const text = JSON.stringify(next);
    if (text === this.#text) return;
    this.#text = text;
    this.#now = next;
    this.changed.emit();
  }

  async #called(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    this.#wake = undefined;
  }
}

async function askOf({ node, client }: AgentLink): Promise<Told> {
  try {
    const [status, endpoints, services, tenants] = await Promise.all([
      client.status(),
      client.endpoints(),
      client.services(),
      client.tenants(),
    ]);
    return {
      summary: { name: status.node, ready: status.ready, version: status.version },
      cluster: status.cluster,
      endpoints,
      services: services.items,
      tenants: tenants.map(({ name, closed, namespaces }) => ({
        name,
        ...(closed === undefined ? {} : { closed }),
        namespaces: namespaces.map((namespace) => namespace.name),
      })),
      policies: status.counts.policies,
    };
  } catch (error) {
    const summary = { name: node, ready: false, version: '', silent: errorMessage(error) };
    return { summary, cluster: '', endpoints: [], services: [], tenants: [], policies: 0 };
  }
}

function inventoryOf(told: readonly Told[]): Inventory {
  const owners = new Map<string, string>();
  for (const { endpoints } of told) {
    for (const { namespace, pod, addresses } of endpoints) {
      for (const address of addresses) owners.set(address, workloadKey(namespace, pod));
    }
  }
  return {
    nodes: told.map(({ summary }) => summary).toSorted((a, b) => compare(a.name, b.name)),
    tenants: tenantsOf(told),
    workloads: workloadsOf(told),
    services: servicesOf(told, owners),
    policies: Math.max(0, ...told.map(({ policies }) => policies)),
  };
}

/** All agents know the same Tenants; one that has not heard of a new one yet knows fewer. */
function tenantsOf(told: readonly Told[]): TenantSummary[] {
  const all = new Map<string, TenantSummary>();
  for (const { tenants } of told) {
    for (const tenant of tenants) {
      const namespaces = [...new Set([...(all.get(tenant.name)?.namespaces ?? []), ...tenant.namespaces])].toSorted();
      all.set(tenant.name, { ...tenant, namespaces });
    }
  }
  return [...all.values()].toSorted((a, b) => compare(a.name, b.name));
}

function workloadsOf(told: readonly Told[]): WorkloadView[] {
  const groups = new Map<string, { node: string; endpoint: EndpointView }[]>();
  for (const { summary, endpoints } of told) {
    for (const endpoint of endpoints) {
      const key = workloadKey(endpoint.namespace, endpoint.pod);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [{ node: summary.name, endpoint }]);
      else group.push({ node: summary.name, endpoint });
    }
  }
  return [...groups]
    .map(([key, group]): WorkloadView => {
      const endpoints = group.map(({ endpoint }) => endpoint);
      const [first] = endpoints;
      const unready = endpoints.find(({ state }) => state !== 'ready');
      return {
        key,
        namespace: first?.namespace ?? '',
        name: workloadOf(first?.pod ?? ''),
        pods: endpoints.length,
        nodes: [...new Set(group.map(({ node }) => node))].toSorted(),
        ...(unready === undefined
          ? {}
          : { trouble: `${unready.pod}: ${unready.state} ${unready.detail ?? ''}`.trim() }),
        enforced: {
          ingress: extentOf(endpoints.map(({ enforced }) => enforced.ingress)),
          egress: extentOf(endpoints.map(({ enforced }) => enforced.egress)),
        },
      };
    })
    .toSorted((a, b) => compare(a.key, b.key));
}

function extentOf(enforced: readonly boolean[]): Extent {
  if (enforced.every(Boolean)) return 'all';
  return enforced.some(Boolean) ? 'some' : 'none';
}

/** Every node has every service; backends of a namespace's share may differ, so the one that knows most is told. */
function servicesOf(told: readonly Told[], owners: ReadonlyMap<string, string>): ServiceSummary[] {
  const all = new Map<string, ServiceView>();
  for (const { services } of told) {
    for (const service of services) {
      const key = `${service.namespace}/${service.name}`;
      const known = all.get(key);
      if (known === undefined || known.backends.length < service.backends.length) all.set(key, service);
    }
  }
  return [...all.values()]
    .map(({ namespace, name, type, state, frontends, backends, backendCount, problems }): ServiceSummary => {
      const keys = backends.flatMap(({ address }) => owners.get(address) ?? []);
      return {
        namespace,
        name,
        type,
        state,
        ports: frontends.map(({ kind, address, port, protocol }) => `${kind} ${address}:${port}/${protocol}`),
        backends: [...new Set(keys)].toSorted(),
        backendCount,
        problems: problems.map(({ message }) => message),
      };
    })
    .toSorted((a, b) => compare(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
