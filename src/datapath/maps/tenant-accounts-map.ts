import { type TenantAccount, tenantAccountCodec } from '../gen/codecs.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { u64Codec } from './scalar-codecs.ts';

/** What tenants with limits may have of the node, and have, by the tenant's number; counted by the programs. */
export type TenantAccountsMap = TypedMap<bigint, TenantAccount>;

export const tenantAccountsCodecs: MapCodecs<bigint, TenantAccount> = { key: u64Codec, value: tenantAccountCodec };

export function tenantAccountsMap(maps: MapSet): TenantAccountsMap {
  return new KernelMap(maps.get('tenant_accounts'), maps.spec('tenant_accounts'), tenantAccountsCodecs);
}
