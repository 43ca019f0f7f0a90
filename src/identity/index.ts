export { type AllocatorOptions, type AllocatorSnapshot, IdentityAllocator } from './allocator.ts';
export { CidrIdentities } from './cidr-identities.ts';
export { identityErrors } from './errors.ts';
export { type IpcacheEntry, type IpcacheSource, ipcacheEntries, nodeIdentity } from './ipcache-entries.ts';
export { DEFAULT_LABEL_RULES, LabelFilter, type LabelRule } from './label-filter.ts';
export {
  ANY_PEER,
  CIDR_RANGE,
  CLUSTER_RANGE,
  entityIncludes,
  type IdentityRange,
  isCidrId,
  RESERVED_IDENTITIES,
  RESERVED_IDS,
  reservedIdentity,
} from './reserved.ts';
export { type IdentitySelector, type SelectorKey, selectorKey, selects } from './select.ts';
export { SelectorCache, type SelectorDelta } from './selector-cache.ts';
