export { CidrIdentities } from './cidr-identities.ts';
export { ClusterNumbers, type Doubt, type Turned } from './cluster-numbers.ts';
export {
  type CollectedStore,
  type CollectionSettings,
  type CollectionView,
  IdentityCollection,
  type Round,
} from './collection.ts';
export type { SavedNumbers } from './identity-records.ts';
export { LabelFilter, type LabelRule } from './label-filter.ts';
export type { Members } from './members.ts';
export type { IdentityStore } from './placement.ts';
export { Placements } from './placements.ts';
export { PrefixIndex } from './prefix-index.ts';
export {
  type IdentityRange,
  isCidrId,
  RESERVED_IDENTITIES,
  RESERVED_IDS,
  reservedIdentity,
} from './reserved.ts';
export { type IdentitySelector, type SelectorKey, selectorKey } from './select.ts';
export { SelectorCache, type SelectorDelta } from './selector-cache.ts';
