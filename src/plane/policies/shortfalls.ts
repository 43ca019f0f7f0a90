import { DIRECTIONS, type PolicyKey, policyKey, type RuleOrigin } from '../../model/index.ts';
import type { PolicyRepository } from '../../policy/index.ts';
import type { DirectionState, Installed, PolicyInstaller } from './policy-installer.ts';

const TEXT = { wanted: 'not wholly in force', former: 'not in force yet', closed: 'closed' } as const;
export const WRITING = 'its policy is being written';

/** What of the policies is not in force in this direction, in a sentence; undefined: nothing. */
export function shortfall({ inForce, problem }: DirectionState): string | undefined {
  if (inForce === 'wanted' && problem === undefined) return undefined;
  return `${TEXT[inForce]}: ${problem?.message ?? WRITING}`;
}

/** The same for an endpoint's two directions together. */
export function shortfallOf({ states }: Installed): string | undefined {
  const parts = DIRECTIONS.flatMap((direction) => {
    const text = shortfall(states[direction]);
    return text === undefined ? [] : [`${direction} ${text}`];
  });
  return parts.length === 0 ? undefined : parts.join('; ');
}

/** Which of the policies that select an identity are not in force for it, and why. */
export function refusedPolicies({ states }: Installed, selecting: readonly RuleOrigin[]): Map<PolicyKey, string> {
  const refused = new Map<PolicyKey, string>();
  for (const direction of DIRECTIONS) {
    const { problem, without } = states[direction];
    if (problem === undefined) continue;
    const concerned = selecting.filter((origin) => origin.direction === direction).map(policyKey);
    for (const key of without.length === 0 ? concerned : without) {
      refused.set(key, `${direction} ${shortfall(states[direction]) ?? ''}`);
    }
  }
  return refused;
}

/** Policies that are not in force for some pod of this node, with the reason. */
export function allRefusedPolicies(installer: PolicyInstaller, repository: PolicyRepository): Map<PolicyKey, string> {
  const all = new Map<PolicyKey, string>();
  for (const [id, installed] of installer.entries()) {
    if (repository.identity(id)?.kind !== 'pod') continue;
    for (const [key, why] of refusedPolicies(installed, repository.policiesFor(id))) all.set(key, why);
  }
  return all;
}
