import type { LintRequest, LintView } from '../../api/index.ts';
import { type Intent, lintWorld, type PodsElsewhere } from '../../cluster/index.ts';
import { policyKey } from '../../model/index.ts';
import { lint, type PolicyRepository } from '../../policy/index.ts';
import { readPolicyObjects } from './proposal.ts';

export type LintContext = {
  readonly intent: Intent;
  readonly elsewhere: Pick<PodsElsewhere, 'pods'>;
  readonly repository: Pick<PolicyRepository, 'settings'>;
  readonly cluster: string;
};

/** What is hardly meant: of all that is there, or of what is proposed, thought over what is there. */
export function lintView({ proposed }: LintRequest, { intent, elsewhere, repository, cluster }: LintContext): LintView {
  const { settings } = repository;
  if (proposed === undefined) return { findings: lint(lintWorld({ intent, elsewhere, settings, cluster })) };
  const policies = readPolicyObjects(proposed);
  const names = new Set<string>(policies.map(policyKey));
  const found = lint(lintWorld({ intent, elsewhere, settings, cluster, proposed: policies }));
  return { findings: found.filter(({ object }) => names.has(object)) };
}
