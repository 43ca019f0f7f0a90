export { type BoundEntry } from './claims.ts';
export { CompiledTable, type CompileInput, compileTable, DEFAULT_ALLOW, LOCALHOST_ALLOW } from './compile.ts';
export { type Explanation, explain, type Failed, type NearestMiss } from './explain.ts';
export { printableText } from './field-error.ts';
export { entryPrefixes, peerTerms } from './installed.ts';
export { type LookupResult, type Packet, TableLookup } from './lookup.ts';
export { type Question } from './oracle.ts';
export { type Party, partyOf } from './party.ts';
export { type NetworkPolicyObject, readNetworkPolicy } from './read-network-policy.ts';
export { originKey, PolicyRepository, type RepositoryOptions, type RuleSets } from './repository.ts';
export { type Floor, type RuleSet } from './rule-set.ts';
export {
  type AllowLocalhost,
  type CidrSelects,
  type Enforcement,
  type PolicySettings,
} from './settings.ts';
