import type { PodSelector, PolicyEntry } from '../../model/index.ts';
import { Table } from '../../table/index.ts';

/** That some policy selects pods by a label, and in which namespaces. */
export type SelectedLabel = {
  /** Of all that say the same. */
  readonly id: string;
  readonly key: string;
  /** The policy's own namespace; undefined: it is of the whole cluster. */
  readonly home: string | undefined;
  readonly namespace: PodSelector['namespace'];
};

/** Labels that policies select pods by. Of each as many rows as it is said differently, however many policies say it. */
export class SelectedLabels {
  readonly rows = new Table<SelectedLabel>(({ id }) => id);
  readonly #users = new Map<string, number>();
  readonly #isToldAnyway: (key: string) => boolean;
  #besides: ReadonlySet<string> = new Set();

  /** `isToldAnyway`: nobody needs to be told that policies select by it. */
  constructor(isToldAnyway: (key: string) => boolean) {
    this.#isToldAnyway = isToldAnyway;
  }

  /** One policy more, or less, says so. */
  count(entry: PolicyEntry, change: 1 | -1): void {
    for (const label of labelsIn(entry)) {
      if (this.#isToldAnyway(label.key)) continue;
      const users = (this.#users.get(label.id) ?? 0) + change;
      if (users === 0) this.#users.delete(label.id);
      else this.#users.set(label.id, users);
      if (users === 0) this.rows.delete(label.id);
      else if (users === change) this.rows.set(label);
    }
  }

  /** What is no policy's and selects pods all the same: these, and none of those that were said before. No policy has their ids. */
  besides(labels: readonly SelectedLabel[]): void {
    const wanted = new Map(labels.filter(({ key }) => !this.#isToldAnyway(key)).map((label) => [label.id, label]));
    for (const id of this.#besides) if (!wanted.has(id)) this.rows.delete(id);
    for (const [id, label] of wanted) if (!this.#besides.has(id)) this.rows.set(label);
    this.#besides = new Set(wanted.keys());
  }
}

function labelsIn({ subject, peers, origin }: PolicyEntry): SelectedLabel[] {
  const { namespace: home } = origin;
  return [subject, ...(peers === 'any' ? [] : peers)].flatMap((selector) => {
    if (selector.kind !== 'pods') return [];
    const { namespace, pods } = selector;
    return pods.requirements.map(({ key }) => {
      const id = JSON.stringify([key, home, namespace.name, namespace.selector?.key]);
      return { id, key, home, namespace };
    });
  });
}
