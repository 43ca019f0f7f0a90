export { type BoundEntry, type CompileInput } from './compile.ts';
export { type Explanation, explain, type Failed, type NearestMiss } from './explain.ts';
export { type FieldError, formatFieldError, printableText } from './field-error.ts';
export { type LookupResult, type Packet, TableLookup } from './lookup.ts';
export type { NetworkPolicy } from './network-policy.ts';
export { type Question } from './oracle.ts';
export { type Party, partyOf } from './party.ts';
export { PolicyRepository, type RepositoryOptions } from './repository.ts';
export {
  type AllowLocalhost,
  type CidrSelects,
  type Enforcement,
  type PolicySettings,
} from './settings.ts';
export { parseNetworkPolicy, translateNetworkPolicy } from './translate-network-policy.ts';
export { type Validated, validateNetworkPolicy } from './validate-network-policy.ts';
