export {
  type EndpointId,
  endpointId,
  type IdentityId,
  type Ifindex,
  identityId,
  ifindex,
  type PolicyRevision,
  policyRevision,
  type RuleId,
  ruleId,
} from './ids.ts';
export type { Direction, PolicyTable, PolicyTableKey, PolicyTableRow, PolicyTableValue } from './policy-table.ts';
