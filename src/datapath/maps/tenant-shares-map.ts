import { type TenantShare, type TenantShareKey, tenantShareCodec, tenantShareKeyCodec } from '../gen/codecs.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';

/** Which pods of one tenant may open to which port of which pods of another. */
export type TenantSharesMap = TypedMap<TenantShareKey, TenantShare>;

export const tenantSharesCodecs: MapCodecs<TenantShareKey, TenantShare> = {
  key: tenantShareKeyCodec,
  value: tenantShareCodec,
};

export function tenantSharesMap(maps: MapSet): TenantSharesMap {
  return new KernelMap(maps.get('tenant_shares'), maps.spec('tenant_shares'), tenantSharesCodecs);
}
