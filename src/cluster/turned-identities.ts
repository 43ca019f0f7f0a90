import type { ClusterNumbers } from '../identity/index.ts';
import type { ObjectProblems } from './object-problems.ts';

export type TurnedIdentitiesOptions = {
  readonly numbers: Pick<ClusterNumbers, 'takeTurned'>;
  readonly problems: ObjectProblems;
};

/**
 * Says on an Identity that somebody wrote another workload into it while pods of this node had its number. Servers with rules
 * about changes refuse that (Kubernetes 1.25); what follows is decided by the numbering, and closes these pods alone.
 */
export class TurnedIdentities {
  readonly #o: TurnedIdentitiesOptions;

  constructor(options: TurnedIdentitiesOptions) {
    this.#o = options;
  }

  follow(): void {
    for (const { object, was } of this.#o.numbers.takeTurned()) {
      const subject = {
        apiVersion: 'membrane.io/v1alpha1',
        kind: 'Identity',
        namespace: '',
        name: object.name,
        uid: object.uid,
      };
      const message = `it stood for pods of namespace ${JSON.stringify(was.namespace)} that have its number, and says another workload now: they are let through nowhere until they have another number`;
      this.#o.problems.report(subject, [{ reason: 'IdentityChanged', message }]);
    }
  }
}
