import type { ClusterNumbers, Turned } from '../identity/index.ts';
import type { ObjectProblem, ObjectProblems } from './object-problems.ts';

export type TurnedIdentitiesOptions = {
  readonly numbers: Pick<ClusterNumbers, 'takeTurned'>;
  readonly problems: ObjectProblems;
};

/**
 * Says on an Identity that somebody wrote another workload into it, or deleted it, while pods of this node had its number.
 * Servers with rules about changes refuse the first (Kubernetes 1.25); what follows is decided by the numbering, and closes
 * these pods alone.
 */
export class TurnedIdentities {
  readonly #o: TurnedIdentitiesOptions;

  constructor(options: TurnedIdentitiesOptions) {
    this.#o = options;
  }

  follow(): void {
    for (const { object, was, how } of this.#o.numbers.takeTurned()) {
      const subject = {
        apiVersion: 'membrane.io/v1alpha1',
        kind: 'Identity',
        namespace: '',
        name: object.name,
        uid: object.uid,
      };
      this.#o.problems.report(subject, [SAID[how](JSON.stringify(was.namespace))]);
    }
  }
}

const SAID: Readonly<Record<Turned['how'], (namespace: string) => ObjectProblem>> = {
  edited: (namespace) => ({
    reason: 'IdentityChanged',
    message: `it stood for pods of namespace ${namespace} that have its number, and says another workload now: they are let through nowhere until they have another number`,
  }),
  deleted: (namespace) => ({
    reason: 'IdentityDeleted',
    message: `it was deleted while pods of namespace ${namespace} had its number, and is made again: other nodes let them through nowhere meanwhile`,
  }),
};
