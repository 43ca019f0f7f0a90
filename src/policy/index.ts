export { type BoundEntry, type CompileInput, compileTable } from './compile.ts';
export { policyErrors } from './errors.ts';
export { type Explanation, explain, type Failed, type NearestMiss } from './explain.ts';
export { type FieldError, fieldPath, formatFieldError, printableText } from './field-error.ts';
export { type LookupResult, type Packet, TableLookup } from './lookup.ts';
export type { NetworkPolicy } from './network-policy.ts';
export { judge, type Question } from './oracle.ts';
export { type Party, partyOf } from './party.ts';
export { precedenceOf } from './precedence.ts';
export { PolicyRepository, type RepositoryOptions } from './repository.ts';
export { DEFAULT_RULE, RuleTable } from './rules.ts';
export {
  type AllowLocalhost,
  type CidrSelects,
  type Enforcement,
  type PolicySettings,
  policySettingsSchema,
} from './settings.ts';
export { parseNetworkPolicy, translateNetworkPolicy } from './translate-network-policy.ts';
export { networkPolicyWarnings, type Validated, validateNetworkPolicy } from './validate-network-policy.ts';
