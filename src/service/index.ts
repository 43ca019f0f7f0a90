export { FrontendClaims } from './claims.ts';
export type { ServiceContext } from './context.ts';
export { type DesiredService, frontendsOf } from './frontends.ts';
export { MAGLEV_SIZES, type MaglevSize, maglevTable } from './maglev.ts';
