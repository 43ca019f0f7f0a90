import type { TenantView } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import type { EndpointDrop, Holders, TenantAccount } from '../../datapath/index.ts';
import { TENANT_RESOURCE } from '../../model/gen/enums.ts';
import type { DropReason, EndpointId, TenantRow } from '../../model/index.ts';
import type { EndpointTable } from '../../plane/index.ts';
import type { Membership } from '../../tenant/index.ts';

export type TenantLimitContext = {
  readonly membership: Membership;
  readonly endpoints: Pick<EndpointTable, 'values'>;
  readonly accountOf: (tenant: TenantRow) => TenantAccount | undefined;
  readonly holders: Holders;
  readonly drops: () => Promise<readonly EndpointDrop[]>;
  /** Events about flows of an endpoint that its tenant might not tell. */
  readonly untold: (endpoint: EndpointId) => number;
};

export type LimitView = NonNullable<TenantView['limits']>[number];

/** Of each pod of a tenant a number of something. */
type Talkers = ReadonlyMap<string, number>;

const REASONS = {
  connections: 'tenant-connections',
  newConnectionsPerSecond: 'tenant-rate',
  natPorts: 'tenant-nat-ports',
} as const satisfies Partial<Record<keyof TenantRow['limits'], DropReason>>;

/** What a tenant may have of this node and has, and which of its pods has most of it, or of what was refused. */
export async function limitViews(tenant: TenantRow, context: TenantLimitContext): Promise<LimitView[]> {
  const account = context.accountOf(tenant);
  if (account === undefined) return [];
  const pods = podsOf(tenant, context);
  const drops = await context.drops();
  const refusedBy = (reason: DropReason): Talkers => {
    const own = drops.filter((drop) => drop.reason === reason && drop.direction === 'egress');
    return sumBy(pods, (id) =>
      own.filter(({ endpoint }) => endpoint === id).reduce((sum, { packets }) => sum + packets, 0),
    );
  };
  const views: LimitView[] = [];
  const add = (name: keyof typeof REASONS, used: number | undefined, talkers: Talkers | undefined): void => {
    const most = tenant.limits[name];
    if (most === undefined) return;
    const refused = refusedBy(REASONS[name]);
    const first = largest(talkers ?? refused);
    views.push({
      name,
      limit: most,
      ...(used === undefined ? {} : { used }),
      refused: refused.values().reduce((sum, packets) => sum + packets, 0),
      ...(first === undefined ? {} : { most: first }),
    });
  };
  const { used, untold } = account;
  add('connections', used[TENANT_RESOURCE.connections], sumBy(pods, context.holders.connections));
  add('newConnectionsPerSecond', undefined, undefined);
  if (tenant.limits.natPorts !== undefined) {
    const ports = await context.holders.ports();
    add(
      'natPorts',
      used[TENANT_RESOURCE['nat-ports']],
      sumBy(pods, (id) => ports.get(id) ?? 0),
    );
  }
  const { flowEventsPerSecond } = tenant.limits;
  if (flowEventsPerSecond !== undefined) {
    const first = largest(sumBy(pods, context.untold));
    views.push({
      name: 'flowEventsPerSecond',
      limit: flowEventsPerSecond,
      refused: untold,
      ...(first === undefined ? {} : { most: first }),
    });
  }
  return views;
}

/** A sentence for each limit that pods of the tenant were refused something for. */
export function limitProblems(views: readonly LimitView[]): string[] {
  return views
    .filter(({ refused }) => refused > 0)
    .map(({ name, limit, refused, most }) => {
      const who = most === undefined ? '' : `; most of it is pod ${most.pod}'s: ${most.count}`;
      const what = name === 'flowEventsPerSecond' ? 'events were not told' : 'packets were refused';
      return `${name} is limited to ${limit}, and ${refused} ${what} for that${who}`;
    });
}

function podsOf({ name }: TenantRow, { membership, endpoints }: TenantLimitContext): [string, EndpointId][] {
  return endpoints.values().flatMap(({ record: { id, pod } }): [string, EndpointId][] => {
    const owner = membership.of(pod.namespace);
    return owner.state === 'tenant' && owner.tenant.name === name ? [[namespacedName(pod), id]] : [];
  });
}

/** A pod may have more than one endpoint for a moment. */
function sumBy(pods: readonly [string, EndpointId][], count: (id: EndpointId) => number): Talkers {
  const sums = new Map<string, number>();
  for (const [pod, id] of pods) sums.set(pod, (sums.get(pod) ?? 0) + count(id));
  return sums;
}

function largest(talkers: Talkers): LimitView['most'] {
  const [first] = Array.from(talkers)
    .filter(([, count]) => count > 0)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return first && { pod: first[0], count: first[1] };
}
