import type { ObjectProblem, ObjectSubject } from '../../cluster/index.ts';
import { policyKey, type RuleOrigin } from '../../model/index.ts';
import { policyEventSubject } from './policy-events.ts';
import type { Installed } from './policy-installer.ts';
import { refusedPolicies } from './shortfalls.ts';

const REASONS: Readonly<Record<string, string>> = {
  E_PLANE_POLICY_FULL: 'PolicyMapsFull',
  E_PLANE_POLICY_LARGE: 'PolicyTooLarge',
  E_PLANE_POLICY_SHARE: 'PolicyShareExceeded',
};

/** Numbers that change with every try would make an event of every try. */
const withoutNumbers = (text: string): string => text.replaceAll(/\d+/g, 'N');

/** What to say on the policies that select an identity and are not in force for it. */
export function shortfallEvents(
  installed: Installed,
  selecting: readonly RuleOrigin[],
): { readonly subject: ObjectSubject; readonly problem: ObjectProblem }[] {
  const code = Object.values(installed.states).find(({ problem }) => problem !== undefined)?.problem?.code ?? '';
  const refused = refusedPolicies(installed, selecting);
  const byKey = new Map(selecting.map((origin) => [policyKey(origin), origin]));
  return Array.from(refused).flatMap(([key, text]) => {
    const policy = byKey.get(key);
    if (policy?.uid === undefined) return [];
    const subject = policyEventSubject({ ...policy, uid: policy.uid });
    return [{ subject, problem: { reason: REASONS[code] ?? 'PolicyNotInForce', message: withoutNumbers(text) } }];
  });
}
