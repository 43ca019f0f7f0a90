export { FrontendClaims } from './claims.ts';
export type { ServiceContext } from './context.ts';
export { type DesiredService, frontendsOf } from './frontends.ts';
export { type KnownPlaces, keepKnown, placesOf } from './keep.ts';
export { MAGLEV_SIZES, type MaglevSize, maglevTable } from './maglev.ts';
export { guaranteedRows, rowsOf, type ServiceRows, ServiceShares, type ShareRefusal } from './shares.ts';
