/** What the datapath holds: maps with typed keys and values, and what is kept in each. */
export {
  type Connection,
  type ConnectionEnd,
  type ConntrackMap,
  connectionOf,
  conntrackMap,
  monotonicTick,
} from './conntrack-map.ts';
export {
  type EndpointDrop,
  type EventLoss,
  type ReasonCounter,
  readCounters,
  readDrops,
  readEventLoss,
  type Traffic,
} from './counters.ts';
export { EndpointAccounts, type EndpointCount } from './endpoint-accounts.ts';
export { type EndpointWord, type EndpointWords, KernelEndpointWords } from './endpoint-words.ts';
export { type EndpointsMap, endpointsMap } from './endpoints-map.ts';
export { EVENT_RECORD } from './event-record.ts';
export { type Holders, kernelHolders } from './holders.ts';
export { type IpcacheMap, ipcacheMap } from './ipcache-map.ts';
export { dumpMap, type TypedMap } from './map.ts';
export { copyMap, copyMissing } from './map-copy.ts';
export { countEntries } from './map-fill.ts';
export { GATES, type Gate, mapIsNeeded, mapKind } from './map-kinds.ts';
export { type Found, planMaps } from './map-plan.ts';
export { MapRoom, type MapRows } from './map-room.ts';
export { compareShape, createMap, MapSet, type MapSetOptions, type MapSizes, mapPin } from './map-set.ts';
export { type NetnsEndpointsMap, netnsEndpointsMap } from './netns-endpoints-map.ts';
export { isOutside, OUTSIDE_WORDS, outsideOf } from './outside.ts';
export { noPolicyMaps, type PolicyMaps, policyMaps, policyRow } from './policy-maps.ts';
export type { TablePair } from './policy-revisions.ts';
export { policyTableNumber, serialOf, suits, TABLE_SERIALS } from './policy-table-number.ts';
export { type PolicyLeftovers, type PolicyLookup, PolicyTables } from './policy-tables.ts';
export { EventRing } from './ring.ts';
export { sameRow } from './same-row.ts';
export { SCRATCH_SIZES } from './scratch-sizes.ts';
export {
  type AffinityMap,
  affinityMap,
  type ServiceMaps,
  serviceMapSizes,
  serviceMaps,
  sockOriginsMap,
} from './service-maps.ts';
export { SocketAccounts, sockAccountsMap } from './socket-accounts.ts';
export { type TenantAccountsMap, tenantAccountsMap, UNUSED_TENANT_ACCOUNT } from './tenant-accounts-map.ts';
export { KernelTenantRows, TenantRows } from './tenant-rows.ts';
export { type TenantSharesMap, tenantSharesMap } from './tenant-shares-map.ts';
export {
  type TenantPrefix,
  type TenantWorldMap,
  tenantPrefix,
  tenantWorldKey,
  tenantWorldMap,
} from './tenant-world-map.ts';
export { type TunnelTraffic, tunnelTraffic } from './tunnel-traffic.ts';
