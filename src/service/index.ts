export { FrontendClaims } from './claims.ts';
export type { ServiceContext } from './context.ts';
export { type DesiredService, frontendsOf } from './frontends.ts';
export {
  type HostPortContext,
  type HostPortPod,
  hostPortOwner,
  hostPortsOf,
} from './host-ports.ts';
export { type KnownPlaces, keepKnown, knownAddresses, placesOf } from './keep.ts';
export { MAGLEV_SIZES, type MaglevSize, maglevTable } from './maglev.ts';
export { guaranteedRows, isForOutside, rowsOf, type ServiceRows, ServiceShares, type ShareRefusal } from './shares.ts';
