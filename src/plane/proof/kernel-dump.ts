import { createHash } from 'node:crypto';
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
type Packed<M extends { packed: () => Promise<unknown> }> = Awaited<ReturnType<M['packed']>>;

/** Everything in the maps that a verdict about a new connection hangs on. */
export type KernelRows = KernelDump & {
  readonly words: readonly (readonly [EndpointId, EndpointWord])[];
  readonly endpoints: Entries<EndpointsMap>;
  readonly ipcache: Packed<IpcacheMap>;
  /** Of `tenant_world`, that are no tenant's and no prefix. */
  readonly strange: readonly Entries<TenantWorldMap>[number][0][];
};

/** The same before anything is made of it. */
export type KernelBytes = {
  readonly words: KernelRows['words'];
  readonly subjects: KernelDump['subjects'];
  /** That are not over. */
  readonly shares: KernelDump['shares'];
  readonly listed: Packed<TenantWorldMap>;
  readonly endpoints: Packed<EndpointsMap>;
  /** Undefined: policies are off. */
  readonly policy:
    | { readonly rows: Packed<PolicyMaps['rows']>; readonly peers: Packed<PolicyMaps['peers']> }
    | undefined;
  readonly ipcache: Packed<IpcacheMap>;
  /** Of all that was read: another one where any of it is other, or came in another order. */
  readonly digest: string;
};

/**
 * Reads them, the largest last. What the agent writes meanwhile may be in it or not: undefined as soon as it is not `isStill`,
 * so that who changes things all the time does not pay for readings that are of no use.
 */
export async function readKernel(
  maps: ProofMaps,
  { enforced, isStill }: { readonly enforced: boolean; readonly isStill: () => boolean },
): Promise<KernelBytes | undefined> {
  const words = maps.words.entries().filter(([id]) => !isOutside(id));
  const sorts = new Map<string, KernelDump['subjects'][number]>();
  for (const [, { identity, revision }] of words) {
    const tables = maps.policy.revisions.get(revision) ?? NO_TABLES;
    sorts.set(`${identity} ${tables.join()}`, { identity, tables });
  }
  const subjects = [...sorts.values()];
  const now = monotonicTick();
  const held = await maps.tenantShares.entries((_, { until }) => until === 0 || until > now);
  const shares = held.map(([{ opener, responder, protocol, port }]) => ({ opener, responder, protocol, port }));
  const listed = await maps.tenantWorld.packed();
  const endpoints = await maps.endpoints.packed();
  if (!isStill()) return undefined;
  const { rows, peers } = maps.policy;
  const policy = enforced ? { rows: await rows.packed(isStill), peers: await peers.packed(isStill) } : undefined;
  if (!isStill()) return undefined;
  // Before anybody asks whose an identity is: what changes from here on is another digest next time.
  const digest = createHash('sha256').update(JSON.stringify([words, subjects, shares]));
  digest.update(maps.tenants.bytes);
  const ipcache = await maps.ipcache.packed(isStill);
  if (!isStill()) return undefined;
  for (const map of [listed, endpoints, ...(policy === undefined ? [] : [policy.rows, policy.peers]), ipcache]) {
    digest.update(`${map.length} `);
    for (const bytes of map.bytes()) digest.update(bytes);
  }
  return { words, subjects, shares, listed, endpoints, policy, ipcache, digest: digest.digest('base64') };
}

/** What the bytes say. */
export function kernelRows(
  { words, subjects, shares, listed, endpoints, policy, ipcache }: KernelBytes,
  { tenants }: Pick<ProofMaps, 'tenants'>,
): KernelRows {
  const used = new Set(subjects.flatMap(({ tables }) => [...tables]));
  const world = Array.from(listed, ([row]) => row);
  return {
    words,
    endpoints: [...endpoints],
    ipcache,
    subjects,
    policy: policy && { rows: rowsByTable(policy.rows, used), peers: groupsByTable(policy.peers, used) },
    owners: (identity) => tenants.get(identity),
    listed: world.flatMap((row) => tenantPrefix(row) ?? []),
    strange: world.filter((row) => tenantPrefix(row) === undefined),
    shares,
  };
}

const NONE = 0 as PolicyTableId;
const NO_TABLES = [NONE, NONE] as const;

type Policy = NonNullable<KernelDump['policy']>;

function rowsByTable(rows: Packed<PolicyMaps['rows']>, used: ReadonlySet<PolicyTableId>): Policy['rows'] {
  const tables = new Map<PolicyTableId, Map<number, PolicyRow[]>>();
  for (let index = 0; index < rows.length; index += 1) {
    const key = rows.key(index);
    if (!used.has(key.table)) continue;
    const groups = tables.get(key.table) ?? new Map<number, PolicyRow[]>();
    tables.set(key.table, groups);
    const group = groups.get(key.group) ?? [];
    groups.set(key.group, group);
    group.push(policyRow(key, rows.value(index)));
  }
  return tables;
}

function groupsByTable(peers: Packed<PolicyMaps['peers']>, used: ReadonlySet<PolicyTableId>): Policy['peers'] {
  const members = new Map<PolicyTableId, Map<IdentityId, number>>();
  for (let index = 0; index < peers.length; index += 1) {
    const { table, peer } = peers.key(index);
    if (!used.has(table)) continue;
    const of = members.get(table) ?? new Map<IdentityId, number>();
    members.set(table, of.set(peer, peers.value(index)));
  }
  return members;
}
