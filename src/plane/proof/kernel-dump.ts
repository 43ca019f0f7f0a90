import {
  type EndpointsMap,
  type EndpointWord,
  type EndpointWords,
  type IpcacheMap,
  isOutside,
  monotonicTick,
  type PolicyMaps,
  policyRow,
  type TenantRows,
  type TenantSharesMap,
  type TenantWorldMap,
  tenantPrefix,
} from '../../datapath/index.ts';
import type { EndpointId, IdentityId, PolicyRow, PolicyTableId } from '../../model/index.ts';
import type { KernelDump } from '../../reach/index.ts';

export type ProofMaps = {
  readonly endpoints: EndpointsMap;
  readonly ipcache: IpcacheMap;
  readonly policy: PolicyMaps;
  readonly words: EndpointWords;
  readonly tenants: TenantRows;
  readonly tenantShares: TenantSharesMap;
  readonly tenantWorld: TenantWorldMap;
};

type Entries<M extends { entries: () => Promise<unknown> }> = Awaited<ReturnType<M['entries']>>;

/** Everything in the maps that a verdict about a new connection hangs on. */
export type KernelRows = KernelDump & {
  readonly words: readonly (readonly [EndpointId, EndpointWord])[];
  readonly endpoints: Entries<EndpointsMap>;
  readonly ipcache: Awaited<ReturnType<IpcacheMap['packed']>>;
  /** Of `tenant_world`, that are no tenant's and no prefix. */
  readonly strange: readonly Entries<TenantWorldMap>[number][0][];
};

/**
 * Reads them, the largest last. What the agent writes meanwhile may be in it or not: undefined as soon as it is not `isStill`,
 * so that who changes things all the time does not pay for readings that are of no use.
 */
export async function readKernel(
  maps: ProofMaps,
  { enforced, isStill }: { readonly enforced: boolean; readonly isStill: () => boolean },
): Promise<KernelRows | undefined> {
  const words = maps.words.entries().filter(([id]) => !isOutside(id));
  const subjects = new Map<string, KernelDump['subjects'][number]>();
  for (const [, { identity, revision }] of words) {
    const tables = maps.policy.revisions.get(revision) ?? NO_TABLES;
    subjects.set(`${identity} ${tables.join()}`, { identity, tables });
  }
  const used = new Set(Array.from(subjects.values()).flatMap(({ tables }) => [...tables]));
  const now = monotonicTick();
  const shares = await maps.tenantShares.entries((_, { until }) => until === 0 || until > now);
  const listed = await maps.tenantWorld.entries();
  const endpoints = await maps.endpoints.entries();
  if (!isStill()) return undefined;
  const policy = enforced ? await readPolicy(maps.policy, used) : undefined;
  if (!isStill()) return undefined;
  const ipcache = await maps.ipcache.packed();
  if (!isStill()) return undefined;
  return {
    words,
    endpoints,
    ipcache,
    subjects: [...subjects.values()],
    policy,
    owners: (identity) => maps.tenants.get(identity),
    listed: listed.flatMap(([row]) => tenantPrefix(row) ?? []),
    strange: listed.flatMap(([row]) => (tenantPrefix(row) === undefined ? [row] : [])),
    shares: shares.map(([{ opener, responder, protocol, port }]) => ({ opener, responder, protocol, port })),
  };
}

const NONE = 0 as PolicyTableId;
const NO_TABLES = [NONE, NONE] as const;

async function readPolicy(
  { rows, peers }: PolicyMaps,
  used: ReadonlySet<PolicyTableId>,
): Promise<NonNullable<KernelDump['policy']>> {
  const tables = new Map<PolicyTableId, Map<number, PolicyRow[]>>();
  for (const [key, value] of await rows.entries(({ table }) => used.has(table))) {
    const groups = tables.get(key.table) ?? new Map<number, PolicyRow[]>();
    tables.set(key.table, groups);
    const group = groups.get(key.group) ?? [];
    groups.set(key.group, group);
    group.push(policyRow(key, value));
  }
  const members = new Map<PolicyTableId, Map<IdentityId, number>>();
  for (const [{ table, peer }, group] of await peers.entries(({ table: one }) => used.has(one))) {
    const of = members.get(table) ?? new Map<IdentityId, number>();
    members.set(table, of.set(peer, group));
  }
  return { rows: tables, peers: members };
}
