import type { ObjectProblem, ObjectSubject } from '../../cluster/index.ts';
import { type PolicyName, STAGE_ANNOTATION } from '../../model/index.ts';
import { kindNamed, type PolicyKind } from '../../policy/index.ts';
import type { PolicyProblem } from './policy-follower.ts';

const REASONS = { unreadable: 'PolicyUnreadable', 'no-room': 'PolicyDoesNotFit' } as const;

export function policyEventSubject(
  { kind, namespace = '', name, uid }: PolicyName & { readonly uid: string },
  kinds?: readonly PolicyKind[],
): ObjectSubject {
  const { group, version } = kindNamed(kind, kinds).names;
  return { apiVersion: `${group}/${version}`, kind, namespace, name, uid };
}

export function eventProblem({ kind, text }: PolicyProblem): ObjectProblem {
  return { reason: REASONS[kind], message: text };
}

/** Said on a policy that is looked at first. `problems`: what of it could not be read. */
export function stagedEvent(problems: readonly string[]): ObjectProblem {
  const message = `staged: not enforced, while its annotation ${STAGE_ANNOTATION} is "true"; flows say would-drop and would-allow`;
  if (problems.length === 0) return { reason: 'PolicyStaged', message, isNormal: true };
  return { reason: 'PolicyStaged', message: `${message}; once enforced: ${problems.join('; ')}` };
}
