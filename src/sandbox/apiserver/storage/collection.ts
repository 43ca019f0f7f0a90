import type { Stored } from './stored.ts';

/** All objects of one resource, by namespace and name, with lists in the order of their keys. */
export class Collection {
  readonly #byNamespace = new Map<string, Map<string, Stored>>();
  readonly #sorted = new Map<string, readonly Stored[]>();
  #all: readonly Stored[] | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(namespace: string, name: string): Stored | undefined {
    return this.#byNamespace.get(namespace)?.get(name);
  }

  set(namespace: string, name: string, stored: Stored): void {
    let names = this.#byNamespace.get(namespace);
    if (names === undefined) {
      names = new Map();
      this.#byNamespace.set(namespace, names);
    }
    if (!names.has(name)) this.#size += 1;
    names.set(name, stored);
    this.#forget(namespace);
  }

  delete(namespace: string, name: string): void {
    const names = this.#byNamespace.get(namespace);
    if (names?.delete(name) !== true) return;
    this.#size -= 1;
    if (names.size === 0) this.#byNamespace.delete(namespace);
    this.#forget(namespace);
  }

  /** The objects of a namespace, or of all (`undefined`). The array never changes: it is a snapshot. */
  list(namespace: string | undefined): readonly Stored[] {
    if (namespace !== undefined) return this.#sortedIn(namespace);
    this.#all ??= [...this.#byNamespace.keys()].toSorted().flatMap((name) => this.#sortedIn(name));
    return this.#all;
  }

  #sortedIn(namespace: string): readonly Stored[] {
    let sorted = this.#sorted.get(namespace);
    if (sorted === undefined) {
      const names = this.#byNamespace.get(namespace);
      sorted = names === undefined ? [] : [...names.entries()].toSorted(byName).map(([, stored]) => stored);
      if (names !== undefined) this.#sorted.set(namespace, sorted);
    }
    return sorted;
  }

  #forget(namespace: string): void {
    this.#sorted.delete(namespace);
    this.#all = undefined;
  }
}

function byName(a: [string, Stored], b: [string, Stored]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
