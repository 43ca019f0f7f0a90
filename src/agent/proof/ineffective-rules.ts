import { inSlices, type NamespacedName } from '../../base/index.ts';
import {
  type Intent,
  lintWorld,
  type ObjectProblem,
  type ObjectProblems,
  type PodsElsewhere,
} from '../../cluster/index.ts';
import { type PolicyKey, type PolicyObject, policyKey, type TenantRules } from '../../model/index.ts';
import { type Floor, policyEventSubject } from '../../plane/index.ts';
import { beyondTenantSteps, type LintFinding, type PolicyRepository } from '../../policy/index.ts';
import { Openings } from '../../tenant/index.ts';

/** Said on one policy; what else there is of it `membrane policy lint` says. */
const MOST_SAID = 5;

export type IneffectiveRulesOptions = {
  /** `pods`: of this node. */
  readonly intent: Intent;
  readonly elsewhere: Pick<PodsElsewhere, 'pods'>;
  readonly repository: Pick<PolicyRepository, 'settings'>;
  readonly floor: Pick<Floor, 'membership'>;
  readonly problems: Pick<ObjectProblems, 'report'>;
  readonly cluster: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

type Found = Omit<LintFinding, 'rule'>;

/**
 * Looks which rules of tenants' policies the floor takes the effect from, and says so on each policy, when the answer changes.
 * A policy is told of where a pod of its namespace is: some node says it, and all that do say it in the same words.
 */
export class IneffectiveRules {
  readonly #o: IneffectiveRulesOptions;
  #told: ReadonlyMap<PolicyKey, string> = new Map();

  constructor(options: IneffectiveRulesOptions) {
    this.#o = options;
  }

  /** How many rules have no effect at all, by the tenant that their policy is of; those that have none are missing. */
  async look(): Promise<readonly TenantRules[]> {
    const { intent, elsewhere, repository, floor, cluster, now } = this.#o;
    const { membership } = floor;
    if (membership.tenants.size === 0) {
      this.#told = new Map();
      return [];
    }
    const service = (key: NamespacedName) => intent.services.get(key);
    const { settings } = repository;
    const world = lintWorld({
      intent,
      elsewhere,
      settings,
      cluster,
      floor: (workloads) => new Openings({ membership, service, workloads, now: now() }),
    });
    const found = Map.groupBy(await inSlices(beyondTenantSteps(world)), ({ object }) => object);
    const told = new Map<PolicyKey, string>();
    const rules = new Map<string, Set<string>>();
    const here = new Set(intent.pods.rows.values().map(({ namespace }) => namespace));
    for (const { policy } of world.policies) {
      const key = policyKey(policy);
      const of = found.get(key) ?? [];
      const tenant = world.floor.tenantOf(policy.namespace)?.name;
      if (of.length === 0 || tenant === undefined) continue;
      for (const { severity, field = '' } of of) {
        if (severity === 'warning') ruleSet(rules, tenant).add(`${key} ${ruleOf(field)}`);
      }
      if (here.has(policy.namespace)) told.set(key, this.#tell(policy, key, of));
    }
    this.#told = told;
    return Array.from(rules, ([tenant, all]) => ({ tenant, rules: all.size }));
  }

  #tell(policy: PolicyObject, key: PolicyKey, found: readonly Found[]): string {
    const problems = problemsOf(found);
    const text = `${policy.uid} ${JSON.stringify(problems)}`;
    if (this.#told.get(key) !== text) this.#o.problems.report(policyEventSubject(policy), problems);
    return text;
  }
}

function problemsOf(found: readonly Found[]): ObjectProblem[] {
  const reason = 'NoEffectBeyondTenant';
  const said = found.slice(0, MOST_SAID).map(
    ({ severity, field, why, remedy }): ObjectProblem => ({
      reason,
      message: `${field ?? 'spec'} ${why}. ${remedy}`,
      isNormal: severity === 'info',
    }),
  );
  const more = found.length - said.length;
  if (more === 0) return said;
  return [...said, { reason, message: `and ${more} more peers or rules: membrane policy lint says which` }];
}

/** `spec.ingress[1].from[0]` is of rule `spec.ingress[1]`. */
function ruleOf(field: string): string {
  return /^spec\.\w+\[\d+\]/.exec(field)?.[0] ?? field;
}

function ruleSet(rules: Map<string, Set<string>>, tenant: string): Set<string> {
  const known = rules.get(tenant) ?? new Set();
  rules.set(tenant, known);
  return known;
}
