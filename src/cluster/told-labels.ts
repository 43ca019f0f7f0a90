import { LabelFilter, type LabelRule } from '../identity/index.ts';
import { labelMap, type NamespaceRow, type PodSelector, selectorMatches } from '../model/index.ts';
import type { SelectedLabel } from '../policy/index.ts';
import type { ReadonlyTable, TableReader } from '../table/index.ts';

/** Which namespaces have to do with each other at all. Another one where that is otherwise. */
export type Meeting = {
  /** Whether pods of the one may have a connection with pods of the other, if policies let them. */
  readonly mayMeet: (one: string, other: string) => boolean;
};

const EVERYBODY: Meeting = { mayMeet: () => true };

export type ToldLabelsOptions = {
  readonly selected: ReadonlyTable<SelectedLabel>;
  readonly rules?: readonly LabelRule[] | undefined;
};

/**
 * Of which labels a pod's identity tells: those that the rules keep, and those that some policy selects it by. Only policies that
 * may select it, and whose pods may meet it: else whoever writes a policy for his own pods would give others new numbers, and
 * more of them, and close them for as long as they wait.
 */
export class ToldLabels {
  readonly filter: LabelFilter;
  readonly #o: ToldLabelsOptions;
  readonly #reader: TableReader;
  /** By label, of those that the rules do not keep. */
  readonly #byKey = new Map<string, Map<string, SelectedLabel>>();
  readonly #keyOf = new Map<string, string>();
  #meeting = EVERYBODY;

  constructor(options: ToldLabelsOptions) {
    this.#o = options;
    this.filter = new LabelFilter(options.rules);
    this.#reader = options.selected.reader();
  }

  /** Returns the labels of which pods may have to tell now, or need not any more. */
  follow(meeting: Meeting = EVERYBODY): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const id of this.#reader.drain()) {
      const key = this.#take(id, this.#o.selected.get(id));
      if (key !== undefined) changed.add(key);
    }
    if (meeting === this.#meeting) return changed;
    this.#meeting = meeting;
    return new Set([...changed, ...this.#byKey.keys()]);
  }

  /** Whether the identity of a pod of that namespace tells of it. */
  tells(key: string, namespace: NamespaceRow): boolean {
    return this.filter.keeps(key) || this.#of(key).some((label) => this.#concerns(label, namespace));
  }

  /** Whether those of all pods that such a selector of a policy in `home` could select do. */
  tellsAll(key: string, { namespace }: PodSelector, home: string | undefined): boolean {
    if (this.filter.keeps(key)) return true;
    return this.#of(key).some(({ home: of, namespace: where }) => of === home && isWithin(namespace, where));
  }

  #of(key: string): readonly SelectedLabel[] {
    return [...(this.#byKey.get(key)?.values() ?? [])];
  }

  /** The label, if that changes anything. */
  #take(id: string, label: SelectedLabel | undefined): string | undefined {
    const known = this.#keyOf.get(id);
    if ((label === undefined) === (known === undefined)) return undefined;
    if (label === undefined) {
      const same = this.#byKey.get(known ?? '');
      same?.delete(id);
      if (same?.size === 0) this.#byKey.delete(known ?? '');
      this.#keyOf.delete(id);
      return known;
    }
    const { key } = label;
    if (this.filter.keeps(key)) return undefined;
    const same = this.#byKey.get(key) ?? new Map<string, SelectedLabel>();
    this.#byKey.set(key, same.set(id, label));
    this.#keyOf.set(id, key);
    return key;
  }

  #concerns({ home, namespace }: SelectedLabel, { name, labels }: NamespaceRow): boolean {
    if (namespace.name !== undefined && namespace.name !== name) return false;
    if (namespace.selector !== undefined && !selectorMatches(namespace.selector, labelMap(labels))) return false;
    return home === undefined || home === name || this.#meeting.mayMeet(home, name);
  }
}

function isWithin(one: PodSelector['namespace'], other: PodSelector['namespace']): boolean {
  const isAny = other.name === undefined && (other.selector?.requirements.length ?? 0) === 0;
  return isAny || (one.name === other.name && one.selector?.key === other.selector?.key);
}
