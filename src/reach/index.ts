export { type Cell, type Point, pointOf } from './cells.ts';
export { type Change, changes, without } from './changes.ts';
export { cellText, decide, type FloorVerdict, type Pair, type Passage, passages } from './decide.ts';
export { type Compared, type Difference, differences } from './differences.ts';
export {
  type BackendPlace,
  type FrontendDifference,
  type FrontendPlace,
  frontendDifferences,
  type Keepers,
  type KernelServices,
  keepers,
  type MeantFrontend,
  placeText,
} from './frontends.ts';
export { type Intent, type IntentShare, IntentWorld } from './intent-world.ts';
export { type KernelDump, type KernelShare, type KernelSubject, KernelWorld } from './kernel-world.ts';
export { type Standing, type TenantMembers, type TenantPair, tenantPairs } from './matrix.ts';
export { PrefixSorter, uncovered } from './representative.ts';
export type { Owner, Peer, PolicySide, SharedPort, World } from './world.ts';
