import { type TenantAccount, tenantAccountCodec } from '../gen/codecs.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { u64Codec } from './scalar-codecs.ts';

/** What tenants with limits may have of the node, and have, by the tenant's number; counted by the programs. */
export type TenantAccountsMap = TypedMap<bigint, TenantAccount>;

export const tenantAccountsCodecs: MapCodecs<bigint, TenantAccount> = { key: u64Codec, value: tenantAccountCodec };

/** What the programs have counted for a tenant that has done nothing yet. */
export const UNUSED_TENANT_ACCOUNT = {
  turn: 0,
  used: [0, 0],
  before: [0, 0],
  found: [0, 0],
  eventOut: [0, 0, 0],
  eventIn: [0, 0, 0],
  untold: 0,
} as const satisfies Partial<TenantAccount>;

export function tenantAccountsMap(maps: MapSet): TenantAccountsMap {
  return new KernelMap(maps.get('tenant_accounts'), maps.spec('tenant_accounts'), tenantAccountsCodecs);
}
