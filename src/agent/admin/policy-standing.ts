import type { PolicyView } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import type { Intent } from '../../cluster/index.ts';
import { labelMap, type PodIdentity, type PolicyKey, policyKey } from '../../model/index.ts';
import {
  type DirectionState,
  type Endpoint,
  type PolicyFollower,
  type PolicyInstaller,
  refusedPolicies,
  shortfall,
} from '../../plane/index.ts';
import { type PolicyRepository, selectsPod } from '../../policy/index.ts';

type Meanwhile = PolicyView['meanwhile'][number];

export type PolicyStanding = {
  /** How many endpoints of this node each policy selects, or would if it is staged. */
  readonly selected: ReadonlyMap<PolicyKey, number>;
  /** Policies that are not in force for some identity, with the reason. */
  readonly refused: ReadonlyMap<PolicyKey, string>;
  readonly meanwhile: ReadonlyMap<PolicyKey, readonly Meanwhile[]>;
  readonly inForceSince: ReadonlyMap<PolicyKey, number>;
};

export type StandingContext = {
  readonly endpoints: readonly Endpoint[];
  readonly identityOf: (endpoint: Endpoint) => PodIdentity | undefined;
  readonly repository: PolicyRepository;
  readonly installer: Pick<PolicyInstaller, 'get'>;
  readonly policies: Pick<PolicyFollower, 'staged'>;
  /** Has labels, too, by which no policy in force selects. */
  readonly intent: Pick<Intent, 'pods'>;
};

/** How each policy stands with the endpoints of this node, by the tables that are in force for them. */
export function policyStanding(context: StandingContext): PolicyStanding {
  const { endpoints, identityOf, repository, installer, policies, intent } = context;
  const selected = new Map<PolicyKey, number>();
  const refused = new Map<PolicyKey, string>();
  const inForceSince = new Map<PolicyKey, number>();
  const meanwhile = new Map<PolicyKey, Map<string, Meanwhile>>();
  for (const endpoint of endpoints) {
    const identity = identityOf(endpoint);
    if (identity === undefined || repository.identity(identity.id) === undefined) continue;
    const origins = repository.policiesFor(identity.id);
    const pod = namespacedName(endpoint.record.pod);
    const row = intent.pods.get(pod);
    const workload = row === undefined ? identity.workload : { ...identity.workload, labels: labelMap(row.labels) };
    const later = Array.from(policies.staged.policies).filter(([, of]) =>
      of.some(({ subject }) => selectsPod(subject, workload)),
    );
    for (const key of new Set([...origins.map(policyKey), ...later.map(([key]) => key)]))
      selected.set(key, (selected.get(key) ?? 0) + 1);
    const installed = installer.get(identity.id);
    if (installed === undefined) continue;
    for (const [key, why] of refusedPolicies(installed, origins)) refused.set(key, why);
    const pairs = new Map(origins.map((origin) => [`${policyKey(origin)} ${origin.direction}`, origin]));
    for (const origin of pairs.values()) {
      const key = policyKey(origin);
      const state = installed.states[origin.direction];
      inForceSince.set(key, Math.max(state.since, inForceSince.get(key) ?? 0));
      const why = isConcerned(state, key) ? shortfall(state) : undefined;
      if (why === undefined) continue;
      const of = meanwhile.get(key) ?? new Map<string, Meanwhile>();
      meanwhile.set(key, of);
      const place = `${origin.direction} ${why}`;
      const known = of.get(place);
      if (known !== undefined) known.pods.push(pod);
      else {
        const since = new Date(state.since).toISOString();
        of.set(place, { direction: origin.direction, inForce: inForceOf(state), why, since, pods: [pod] });
      }
    }
  }
  return {
    selected,
    refused,
    inForceSince,
    meanwhile: new Map(Array.from(meanwhile, ([key, places]) => [key, [...places.values()]])),
  };
}

/** A table may be in force but for some policies. */
function isConcerned({ without }: DirectionState, key: PolicyKey): boolean {
  return without.length === 0 || without.includes(key);
}

function inForceOf({ inForce, floor }: DirectionState): Meanwhile['inForce'] {
  if (inForce === 'wanted') return 'in-part';
  return inForce === 'closed' && floor !== 'open' ? 'closed' : 'former';
}
