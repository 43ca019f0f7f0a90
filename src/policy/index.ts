export { type BoundEntry, type CompileInput } from './compile.ts';
export { type Explanation, explain, type Failed, type NearestMiss } from './explain.ts';
export { printableText } from './field-error.ts';
export { entryPrefixes } from './installed.ts';
export { type LookupResult, type Packet, TableLookup } from './lookup.ts';
export { type Question } from './oracle.ts';
export { type Party, partyOf } from './party.ts';
export { type NetworkPolicyObject, readNetworkPolicy } from './read-network-policy.ts';
export { PolicyRepository, type RepositoryOptions } from './repository.ts';
export {
  type AllowLocalhost,
  type CidrSelects,
  type Enforcement,
  type PolicySettings,
} from './settings.ts';
