import type { PolicyObject } from '../../model/index.ts';
import { policyErrors } from '../errors.ts';
import type { PolicyKind, Reading } from './kind.ts';
import { networkPolicy } from './network-policy/index.ts';
import { atStage } from './stage.ts';

/** Every kind of policy that there is to this product; whoever serves policies goes through this list. */
export const POLICY_KINDS: readonly PolicyKind[] = [networkPolicy];

/** E_POLICY_KIND. */
export function kindNamed(kind: string, kinds: readonly PolicyKind[] = POLICY_KINDS): PolicyKind {
  const found = kinds.find(({ names }) => names.kind === kind);
  if (found === undefined) throw policyErrors.make('E_POLICY_KIND', { detail: kind });
  return found;
}

/** What the policy says, by its kind; a staged one says nothing yet. */
export function readPolicy(policy: PolicyObject, kinds: readonly PolicyKind[] = POLICY_KINDS): Reading {
  return atStage(policy, kindNamed(policy.kind, kinds).translate(policy));
}
