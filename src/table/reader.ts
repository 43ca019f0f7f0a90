/** The memory of one who follows a table: rows that came, went or changed since it asked, and those it must look at anyway. */
export class TableReader<K extends string = string> {
  #keys: Set<K>;

  constructor(keys: Iterable<K>) {
    this.#keys = new Set(keys);
  }

  /** What follows from these rows must be looked at again, whether they changed or not. */
  touch(keys: Iterable<K>): void {
    for (const key of keys) this.#keys.add(key);
  }

  /** Keys to look at, in the order in which they came up; each once until something happens to it again. */
  drain(): ReadonlySet<K> {
    const drained = this.#keys;
    this.#keys = new Set();
    return drained;
  }
}
