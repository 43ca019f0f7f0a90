import type { NetworkPolicyRow } from '../model/index.ts';
import type { EventSubject, ObjectProblem } from './object-events.ts';
import type { PolicyProblem } from './policy-follower.ts';

const REASONS = { unreadable: 'PolicyUnreadable', 'no-room': 'PolicyDoesNotFit' } as const;

export function policyEventSubject({ namespace, name, uid }: NetworkPolicyRow): EventSubject {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', namespace, name, uid };
}

export function eventProblem({ kind, text }: PolicyProblem): ObjectProblem {
  return { reason: REASONS[kind], message: text };
}
