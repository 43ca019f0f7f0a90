import type { TenantView } from '../../api/index.ts';
import type { Intent } from '../../cluster/index.ts';
import type { ClusterNumbers } from '../../identity/index.ts';
import type { TenantRow } from '../../model/index.ts';
import type { Shares, TenantWorlds } from '../../plane/index.ts';
import { type Belonging, type Membership, SYSTEM_TENANT } from '../../tenant/index.ts';
import { limitProblems, limitViews, type TenantLimitContext } from './tenant-limits.ts';

export type TenantViewContext = TenantLimitContext & {
  readonly intent: Pick<Intent, 'namespaces'>;
  readonly allocator: Pick<ClusterNumbers, 'identities'>;
  readonly shares: Pick<Shares, 'problemsOf' | 'countOf'>;
  readonly worlds: Pick<TenantWorlds, 'problemsOf'>;
  /** `membership` is as though all enforced. */
  readonly inForce: Membership;
};

type Namespaces = TenantView['namespaces'];

/** Whose the cluster's namespaces are, as this node's datapath has it: each Tenant, the system, and what nobody claims. */
export async function tenantViews(context: TenantViewContext): Promise<TenantView[]> {
  const { intent, allocator, membership, inForce, shares, worlds } = context;
  const namespaces = Array.from(intent.namespaces.rows.values(), ({ name }) => name).sort();
  const counts = new Map<string, number>();
  for (const { workload } of allocator.identities()) {
    counts.set(workload.namespace, (counts.get(workload.namespace) ?? 0) + 1);
  }
  const identitiesOf = (own: Namespaces): number => own.reduce((sum, { name }) => sum + (counts.get(name) ?? 0), 0);
  const owned = Map.groupBy(namespaces, (namespace) => ownerOf(membership.of(namespace)));
  const rest = (name: string, key: string): TenantView => {
    const own = (owned.get(key) ?? []).map((namespace) => namespaceView(namespace, inForce));
    return { name, namespaces: own, identities: identitiesOf(own), problems: [] };
  };
  const tenants = Array.from(membership.tenants.values()).sort((a, b) => (a.name < b.name ? -1 : 1));
  const whole = { namespaces, identitiesOf, membership, inForce, shares, worlds };
  return [
    ...(await Promise.all(tenants.map(async (tenant) => await tenantView(tenant, whole, context)))),
    ...(membership.tenants.has(SYSTEM_TENANT) ? [] : [rest(SYSTEM_TENANT, 'system')]),
    rest('', 'nobody'),
  ];
}

/** Its name; `''`: it is nobody's. As proofs have it. */
export function tenantOf(membership: Membership, namespace: string): string {
  const belonging = membership.of(namespace);
  if (belonging.state === 'tenant') return belonging.tenant.name;
  return belonging.state === 'system' ? SYSTEM_TENANT : '';
}

type Whole = {
  readonly namespaces: readonly string[];
  readonly identitiesOf: (own: Namespaces) => number;
  readonly membership: Membership;
  readonly inForce: Membership;
  readonly shares: TenantViewContext['shares'];
  readonly worlds: TenantViewContext['worlds'];
};

async function tenantView(tenant: TenantRow, whole: Whole, context: TenantLimitContext): Promise<TenantView> {
  const { namespaces, identitiesOf, membership, inForce, shares, worlds } = whole;
  const limits = await limitViews(tenant, context);
  const claimed = namespaces.filter((namespace) => membership.claimants(namespace).includes(tenant));
  const isSystem = (namespace: string): boolean => membership.of(namespace).state === 'system';
  const own = claimed.filter((namespace) => !isSystem(namespace)).map((one) => namespaceView(one, inForce));
  return {
    name: tenant.name,
    ...(tenant.closed === undefined ? {} : { closed: tenant.closed }),
    mode: tenant.mode,
    boundary: {
      ...tenant.boundary,
      ...(tenant.boundary.world === 'Listed' ? { cidrs: tenant.world.cidrs.map(String) } : {}),
      metadata: tenant.world.metadata,
    },
    peers: tenant.peers,
    namespaces: own,
    exports: tenant.exports.map(({ name, service, to, expires }) => ({
      name,
      service,
      to: [...to],
      ...(expires === undefined ? {} : { expires: new Date(expires).toISOString() }),
    })),
    imports: tenant.imports.map(({ tenant: from, export: name }) => ({ tenant: from, export: name })),
    sharedRows: shares.countOf(tenant.name),
    ...(limits.length === 0 ? {} : { limits }),
    identities: identitiesOf(own),
    problems: [
      ...limitProblems(limits),
      ...shares.problemsOf(tenant.name),
      ...worlds.problemsOf(tenant.name),
      ...(tenant.closed === undefined ? [] : [tenant.closed]),
      ...(tenant.claims === undefined ? ['what it claims cannot be read'] : []),
      ...own.flatMap(({ name, closed }) => closed ?? laterText(name, membership)),
      ...claimed.filter(isSystem).map((namespace) => `namespace ${namespace} is the cluster's own`),
    ],
  };
}

function namespaceView(name: string, membership: Membership): Namespaces[number] {
  const found = membership.of(name);
  return { name, ...(found.state === 'closed' ? { closed: found.why } : {}) };
}

/** What becomes of it once those enforce who observe. */
function laterText(namespace: string, membership: Membership): string[] {
  const then = membership.of(namespace);
  return then.state === 'closed' ? [`once all enforce: ${then.why}`] : [];
}

function ownerOf(belonging: Belonging): string {
  if (belonging.state === 'tenant') return `tenant ${belonging.tenant.name}`;
  if (belonging.state === 'closed') return belonging.tenants.length > 0 ? 'claimed' : 'nobody';
  return belonging.state === 'system' ? 'system' : 'nobody';
}
