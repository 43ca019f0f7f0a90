import { TENANT_FLAG_BITS, TENANT_WORLD_SCOPE } from '../../model/gen/numbers.ts';
import { addrFamily, Prefix } from '../../net/index.ts';
import { type TenantWorldKey, tenantWorldKeyCodec } from '../gen/codecs.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { u32Codec } from './scalar-codecs.ts';

/** What tenants list of the world. Of each row the value is 1, and never asked for: that there is one says it. */
export type TenantWorldMap = TypedMap<TenantWorldKey, number>;

/** The tenant with this number lists it. */
export type TenantPrefix = { readonly tenant: bigint; readonly prefix: Prefix };

/** IPv4 is kept as ::ffff:0:0/96. */
const IPV4_BITS = 96;
const SCOPE_BITS = BigInt(TENANT_FLAG_BITS);

export function tenantWorldKey({ tenant, prefix: { family, length, network } }: TenantPrefix): TenantWorldKey {
  return {
    prefixlen: TENANT_WORLD_SCOPE + (family === 4 ? IPV4_BITS : 0) + length,
    tenant: (tenant << SCOPE_BITS) | BigInt(family),
    addr: network,
  };
}

/** Undefined: it is none that `tenantWorldKey` makes, and may be about several tenants. */
export function tenantPrefix({ prefixlen, tenant, addr }: TenantWorldKey): TenantPrefix | undefined {
  const family = addrFamily(addr);
  const length = prefixlen - TENANT_WORLD_SCOPE - (family === 4 ? IPV4_BITS : 0);
  const isOne = Number(BigInt.asUintN(TENANT_FLAG_BITS, tenant)) === family && length >= 0;
  return isOne ? { tenant: tenant >> SCOPE_BITS, prefix: Prefix.of(addr, length) } : undefined;
}

export const tenantWorldCodecs: MapCodecs<TenantWorldKey, number> = { key: tenantWorldKeyCodec, value: u32Codec };

export function tenantWorldMap(maps: MapSet): TenantWorldMap {
  return new KernelMap(maps.get('tenant_world'), maps.spec('tenant_world'), tenantWorldCodecs);
}
