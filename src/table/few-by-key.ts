/** Items by something that nearly always one of them has: an index of a set for each key would be larger than its items. */
export class FewByKey<K, T extends object> {
  readonly #items = new Map<K, T | Set<T>>();

  add(key: K, item: T): void {
    const found = this.#items.get(key);
    if (found === undefined) this.#items.set(key, item);
    else if (found instanceof Set) found.add(item);
    else if (found !== item) this.#items.set(key, new Set([found, item]));
  }

  delete(key: K, item: T): void {
    const found = this.#items.get(key);
    if (found === item) this.#items.delete(key);
    if (!(found instanceof Set)) return;
    found.delete(item);
    const [last] = found;
    if (found.size === 1 && last !== undefined) this.#items.set(key, last);
  }

  has(key: K): boolean {
    return this.#items.has(key);
  }

  /** In the order in which they came. */
  of(key: K): readonly T[] {
    const found = this.#items.get(key);
    if (found === undefined) return [];
    return found instanceof Set ? [...found] : [found];
  }

  keys(): MapIterator<K> {
    return this.#items.keys();
  }
}
