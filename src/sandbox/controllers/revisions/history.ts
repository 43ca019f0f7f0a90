import {
  type ApiStore,
  equal,
  type JsonObject,
  type KubeObject,
  numberAt,
  objectAt,
  stringMapAt,
} from '../../apiserver/index.ts';
import { claim } from '../kit/claim.ts';
import { controllerReference } from '../kit/owner.ts';
import { shortHash } from '../kit/template-hash.ts';

export const HASH_LABEL = 'controller-revision-hash';

/** The templates that a workload had, as ControllerRevisions of growing numbers: the last one is the present one. */
export class RevisionHistory {
  readonly #store: ApiStore;
  readonly #owner: KubeObject;

  constructor(store: ApiStore, owner: KubeObject) {
    this.#store = store;
    this.#owner = owner;
  }

  /** The oldest first. */
  get all(): KubeObject[] {
    const selector = objectAt(this.#owner, 'spec', 'selector');
    return claim({ store: this.#store, owner: this.#owner, resource: 'controllerrevisions', selector }).toSorted(
      (a, b) => numberOf(a) - numberOf(b),
    );
  }

  /** The revision of the present template: made, or brought to the front when the workload went back to it. */
  current(): KubeObject {
    const all = this.all;
    const last = all.at(-1);
    const data = { spec: { template: { ...objectAt(this.#owner, 'spec', 'template'), $patch: 'replace' } } };
    const same = all.findLast((revision) => equal(revision['data'], data));
    const next = (last === undefined ? 0 : numberOf(last)) + 1;
    if (same !== undefined) {
      return same === last
        ? same
        : this.#store.update('controllerrevisions', { ...structuredClone(same), revision: next });
    }
    const { namespace = '', name } = this.#owner.metadata;
    const hash = shortHash(data);
    return this.#store.create('controllerrevisions', {
      metadata: {
        name: `${name}-${hash}`,
        namespace,
        labels: { ...stringMapAt(this.#owner, 'spec', 'template', 'metadata', 'labels'), [HASH_LABEL]: hash },
        ownerReferences: [controllerReference(this.#owner)],
      },
      data: structuredClone(data),
      revision: next,
    });
  }

  /** Keeps those that are used, and of the others as many as one may go back to. */
  truncate(used: ReadonlySet<string>): void {
    const unused = this.all.filter(({ metadata }) => !used.has(metadata.name));
    const surplus = unused.length - (numberAt(this.#owner, 'spec', 'revisionHistoryLimit') ?? 10);
    for (const { metadata } of unused.slice(0, Math.max(0, surplus))) {
      this.#store.delete('controllerrevisions', { namespace: metadata.namespace, name: metadata.name });
    }
  }
}

/** The template that a revision stands for. */
export function templateOf(revision: KubeObject): JsonObject {
  const { $patch: _, ...template } = structuredClone(objectAt(revision, 'data', 'spec', 'template') ?? {});
  return template;
}

const numberOf = (revision: KubeObject): number => numberAt(revision, 'revision') ?? 0;
