export { askFloor } from './ask.ts';
export { type FloorRow, floorRow, hasAccount, isSameSide, NOT_SAID, UNASSIGNED_ROW } from './floor.ts';
export { type Belonging, Membership, type TenancySettings } from './membership.ts';
export { type FloorMirror, mirrorsOf } from './mirror.ts';
export { SYSTEM_TENANT, tenantNumber } from './number.ts';
export { Openings } from './openings.ts';
export { tenancySchema } from './settings.ts';
export { tenantShareOf } from './share.ts';
export {
  type Imported,
  importedBy,
  importOf,
  type Served,
  type Share,
  type SharedEnd,
  type ShareKey,
  shareKey,
  systemServiceOf,
} from './sharing.ts';
export { type ClaimStanding, claimStanding } from './standing.ts';
export { seenPeer } from './visibility.ts';
