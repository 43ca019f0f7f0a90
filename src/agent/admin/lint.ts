import type { LintRequest, LintView } from '../../api/index.ts';
import type { NamespacedName } from '../../base/index.ts';
import { type Intent, type LintWorldOptions, lintWorld, type PodsElsewhere } from '../../cluster/index.ts';
import { policyKey } from '../../model/index.ts';
import type { Floor } from '../../plane/index.ts';
import { lint, type PolicyRepository } from '../../policy/index.ts';
import { Openings } from '../../tenant/index.ts';
import { readPolicyObjects } from './proposal.ts';

export type LintContext = {
  readonly intent: Intent;
  readonly elsewhere: Pick<PodsElsewhere, 'pods'>;
  readonly repository: Pick<PolicyRepository, 'settings'>;
  readonly floor: Pick<Floor, 'membership'>;
  readonly cluster: string;
};

/** What is hardly meant: of all that is there, or of what is proposed, thought over what is there. */
export function lintView({ proposed }: LintRequest, context: LintContext): LintView {
  const { intent, elsewhere, cluster } = context;
  const { settings } = context.repository;
  const floor = openingsOf(context);
  if (proposed === undefined) return { findings: lint(lintWorld({ intent, elsewhere, settings, cluster, floor })) };
  const policies = readPolicyObjects(proposed);
  const names = new Set<string>(policies.map(policyKey));
  const found = lint(lintWorld({ intent, elsewhere, settings, cluster, floor, proposed: policies }));
  return { findings: found.filter(({ object }) => names.has(object)) };
}

/** What is in force: a Tenant that observes takes nothing from a rule. */
function openingsOf({ floor, intent }: LintContext): LintWorldOptions['floor'] {
  const service = (key: NamespacedName) => intent.services.get(key);
  return (workloads) => new Openings({ membership: floor.membership, service, workloads, now: Date.now() });
}
