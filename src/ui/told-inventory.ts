import { namespacedName } from '../base/index.ts';
import type { Extent, Inventory, NodeSummary, ServiceSummary, TenantSummary, WorkloadView } from './messages.ts';
import { workloadKey, workloadOf } from './place.ts';

type ToldPod = {
  readonly namespace: string;
  readonly pod: string;
  readonly addresses: readonly string[];
  /** `ready`, or what it is instead. */
  readonly state: string;
  readonly detail?: string | undefined;
  readonly enforced: { readonly ingress: boolean; readonly egress: boolean };
};

type ToldService = Omit<ServiceSummary, 'ports' | 'backends' | 'problems'> & {
  readonly frontends: readonly {
    readonly kind: string;
    readonly address: string;
    readonly port: number;
    readonly protocol: string;
  }[];
  readonly backends: readonly { readonly address: string }[];
  readonly problems: readonly { readonly message: string }[];
};

/** What one node tells of what there is. */
export type ToldInventory = {
  readonly summary: NodeSummary;
  readonly endpoints: readonly ToldPod[];
  readonly services: readonly ToldService[];
  readonly tenants: readonly TenantSummary[];
  readonly policies: number;
};

/** What there is, of what nodes tell: pods as workloads, services with whose pods are behind them. */
export function inventoryOf(told: readonly ToldInventory[]): Inventory {
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
function tenantsOf(told: readonly ToldInventory[]): TenantSummary[] {
  const all = new Map<string, TenantSummary>();
  for (const { tenants } of told) {
    for (const tenant of tenants) {
      const namespaces = [...new Set([...(all.get(tenant.name)?.namespaces ?? []), ...tenant.namespaces])].toSorted();
      all.set(tenant.name, { ...tenant, namespaces });
    }
  }
  return [...all.values()].toSorted((a, b) => compare(a.name, b.name));
}

function workloadsOf(told: readonly ToldInventory[]): WorkloadView[] {
  const groups = new Map<string, { node: string; endpoint: ToldPod }[]>();
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
function servicesOf(told: readonly ToldInventory[], owners: ReadonlyMap<string, string>): ServiceSummary[] {
  const all = new Map<string, ToldService>();
  for (const { services } of told) {
    for (const service of services) {
      const key = namespacedName(service);
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
    .toSorted((a, b) => compare(namespacedName(a), namespacedName(b)));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
