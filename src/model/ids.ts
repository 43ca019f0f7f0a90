import { MAX_ENDPOINTS } from './gen/numbers.ts';

declare const idBrand: unique symbol;
type Branded<Name extends string> = number & { readonly [idBrand]: Name };

/** Numeric security identity. 0 is "unknown" and, as a peer in the policy map, "any". Ranges: see identity/reserved.ts. */
export type IdentityId = Branded<'IdentityId'>;
/** 1 to FIRST_OUTSIDE - 1, unique on the node and not given out again soon. 0 stands for everything that is not a local pod. */
export type EndpointId = Branded<'EndpointId'>;
/** Kernel interface index in one network namespace. */
export type Ifindex = Branded<'Ifindex'>;
/** Number of a pair of policy tables in the kernel (ingress, egress), 1 to 2^32-1; see struct policy_pair. */
export type PolicyRevision = Branded<'PolicyRevision'>;
/** Number of one policy table (one direction) in the kernel, 1 to 2^32-1; 0 = one without rows: nothing is allowed. */
export type PolicyTableId = Branded<'PolicyTableId'>;
/** Index into the rule table that explains verdicts; 0 = no rule (a default decided). */
export type RuleId = Branded<'RuleId'>;

function inRange(value: number, max: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new RangeError(`${what} ${value} is not within 0 to ${max}`);
  return value;
}

export const identityId = (value: number): IdentityId => inRange(value, 0xffff_ffff, 'identity') as IdentityId;
export const endpointId = (value: number): EndpointId => inRange(value, MAX_ENDPOINTS - 1, 'endpoint id') as EndpointId;
export const ifindex = (value: number): Ifindex => inRange(value, 0x7fff_ffff, 'ifindex') as Ifindex;
export const policyRevision = (value: number): PolicyRevision =>
  inRange(value, 0xffff_ffff, 'policy revision') as PolicyRevision;
export const ruleId = (value: number): RuleId => inRange(value, 0xffff_ffff, 'rule id') as RuleId;
/** No rule: a default decided. */
export const DEFAULT_RULE: RuleId = ruleId(0);
export const policyTableId = (value: number): PolicyTableId =>
  inRange(value, 0xffff_ffff, 'policy table') as PolicyTableId;
