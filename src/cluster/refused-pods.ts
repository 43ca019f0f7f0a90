import type { Logger, NamespacedName } from '../base/index.ts';
import type { ReadonlyTable, TableReader } from '../table/index.ts';
import type { IdentityRow } from './identity-row.ts';
import type { Intent } from './intent.ts';
import type { ObjectProblems } from './object-problems.ts';

export type RefusedPodsOptions = {
  readonly intent: Pick<Intent, 'pods'>;
  readonly identities: ReadonlyTable<IdentityRow, NamespacedName>;
  readonly problems: ObjectProblems;
  readonly nodeName: string;
  readonly log: Logger;
};

/** Says of pods that are closed for want of an identity why, once for each reason. */
export class RefusedPods {
  readonly #o: RefusedPodsOptions;
  readonly #reader: TableReader<NamespacedName>;

  constructor(options: RefusedPodsOptions) {
    this.#o = options;
    this.#reader = options.identities.reader();
  }

  follow(): void {
    const { intent, identities, problems, nodeName, log } = this.#o;
    for (const key of this.#reader.drain()) {
      const row = identities.get(key);
      if (row?.state !== 'refused') continue;
      log.error({ pod: key, error: row.why }, 'pod has no identity');
      const pod = intent.pods.get(key);
      // Its own node says it; every other has the same numbers to give.
      if (pod === undefined || pod.nodeName !== nodeName) continue;
      const { namespace, name, uid } = pod;
      const subject = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid } as const;
      problems.report(subject, [{ reason: 'NoIdentity', message: row.why }]);
    }
  }
}
