import type { ObjectProblem, ObjectSubject } from '../../cluster/index.ts';
import type { PolicyName } from '../../model/index.ts';
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
