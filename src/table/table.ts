export type Key = string | number;

/** What became of one row since a revision; only its last state, however often it changed. */
export type Change<K extends Key, Row> =
  | { readonly kind: 'set'; readonly key: K; readonly row: Row }
  | { readonly kind: 'deleted'; readonly key: K; readonly row: Row };

export type Changes<K extends Key, Row> = {
  readonly changes: readonly Change<K, Row>[];
  /** Where the next call goes on. */
  readonly revision: number;
  /** Deletions from before were forgotten: `changes` has every row, and whatever is not among them is gone. */
  readonly complete: boolean;
};

export type TableOptions<K extends Key, Row> = {
  /** For messages. */
  readonly name: string;
  readonly key: (row: Row) => K;
  /** By name: the values under which a row is found. */
  readonly indexes?: Readonly<Record<string, (row: Row) => readonly Key[]>>;
  /** Rows that are equal are no change. Default: the same object. */
  readonly equal?: (a: Row, b: Row) => boolean;
  /** How many deletions are remembered for readers that lag behind. Default 10,000. */
  readonly maxDeletions?: number;
};

/** What others may see of a table: its owner alone writes. */
export type ReadonlyTable<K extends Key, Row> = Pick<
  Table<K, Row>,
  'name' | 'size' | 'revision' | 'get' | 'has' | 'list' | 'keys' | 'find' | 'changesSince' | 'changed' | 'watch'
>;

type Entry<Row> = { readonly row: Row; readonly revision: number };

/**
 * Rows by primary key, with secondary indexes and a revision that grows by one with every change. State lives in tables,
 * and whoever depends on it reads the changes since the revision that it has seen: nobody calls anybody back.
 */
export class Table<K extends Key, Row> {
  readonly name: string;
  readonly #options: TableOptions<K, Row>;
  readonly #rows = new Map<K, Entry<Row>>();
  readonly #deleted = new Map<K, Entry<Row>>();
  readonly #indexes = new Map<string, Map<Key, Set<K>>>();
  /** Ascending by revision; an entry that is not the last of its key is stale and skipped. */
  #journal: { readonly revision: number; readonly key: K }[] = [];
  #revision = 0;
  /** Readers that have not seen this revision must read everything. */
  #forgotten = 0;
  #waiting: (() => void)[] = [];

  constructor(options: TableOptions<K, Row>) {
    this.name = options.name;
    this.#options = options;
    for (const index of Object.keys(options.indexes ?? {})) this.#indexes.set(index, new Map());
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Of the last change; 0 when there was none. */
  get revision(): number {
    return this.#revision;
  }

  get(key: K): Row | undefined {
    return this.#rows.get(key)?.row;
  }

  has(key: K): boolean {
    return this.#rows.has(key);
  }

  list(): Row[] {
    return Array.from(this.#rows.values(), (entry) => entry.row);
  }

  keys(): K[] {
    return [...this.#rows.keys()];
  }

  /** Rows that an index has under a value. */
  find(index: string, value: Key): Row[] {
    const keys = this.#index(index).get(value) ?? [];
    return Array.from(keys, (key) => this.#rows.get(key)).flatMap((entry) => (entry === undefined ? [] : [entry.row]));
  }

  /** False when it was there already, unchanged. */
  set(row: Row): boolean {
    const key = this.#options.key(row);
    const old = this.#rows.get(key);
    if (old !== undefined) {
      if (this.#options.equal?.(old.row, row) ?? old.row === row) return false;
      this.#unindex(key, old.row);
    }
    this.#rows.set(key, { row, revision: this.#next(key) });
    this.#deleted.delete(key);
    for (const [name, values] of Object.entries(this.#options.indexes ?? {})) {
      const index = this.#index(name);
      for (const value of values(row)) {
        const keys = index.get(value);
        if (keys === undefined) index.set(value, new Set([key]));
        else keys.add(key);
      }
    }
    this.#wake();
    return true;
  }

  /** The row that was there. Deleting what is gone is success. */
  delete(key: K): Row | undefined {
    const old = this.#rows.get(key);
    if (old === undefined) return undefined;
    this.#unindex(key, old.row);
    this.#rows.delete(key);
    this.#deleted.set(key, { row: old.row, revision: this.#next(key) });
    this.#forget();
    this.#wake();
    return old.row;
  }

  /** Makes the table hold exactly these rows. */
  replace(rows: Iterable<Row>): void {
    const wanted = new Set<K>();
    for (const row of rows) {
      wanted.add(this.#options.key(row));
      this.set(row);
    }
    for (const key of this.keys()) if (!wanted.has(key)) this.delete(key);
  }

  /** What changed after `revision`, in the order of the last changes. 0: everything. */
  changesSince(revision: number): Changes<K, Row> {
    if (revision < this.#forgotten || revision === 0) {
      const changes = Array.from(this.#rows, ([key, { row }]): Change<K, Row> => ({ kind: 'set', key, row }));
      return { changes, revision: this.#revision, complete: true };
    }
    const changes: Change<K, Row>[] = [];
    for (let i = this.#firstAfter(revision); i < this.#journal.length; i += 1) {
      const entry = this.#journal[i];
      if (entry === undefined) break;
      const set = this.#rows.get(entry.key);
      const deleted = this.#deleted.get(entry.key);
      if (set?.revision === entry.revision) changes.push({ kind: 'set', key: entry.key, row: set.row });
      if (deleted?.revision === entry.revision) changes.push({ kind: 'deleted', key: entry.key, row: deleted.row });
    }
    return { changes, revision: this.#revision, complete: false };
  }

  /** Resolves when there is a change after `revision`. Rejects with the signal's reason. */
  async changed(revision: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#revision > revision) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => reject(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.push(resolve);
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#waiting = this.#waiting.filter((waiting) => waiting !== resolve);
    }
  }

  /** Batches of changes, the first with every row; ends when the signal is aborted. A slow reader gets fewer, larger ones. */
  async *watch(signal: AbortSignal): AsyncGenerator<Changes<K, Row>> {
    let seen = 0;
    for (let first = true; !signal.aborted; first = false) {
      const batch = this.changesSince(seen);
      seen = batch.revision;
      if (first || batch.changes.length > 0 || batch.complete) yield batch;
      try {
        await this.changed(seen, signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
    }
  }

  #index(name: string): Map<Key, Set<K>> {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new TypeError(`table ${this.name} has no index ${name}`);
    return index;
  }

  #unindex(key: K, row: Row): void {
    for (const [name, values] of Object.entries(this.#options.indexes ?? {})) {
      const index = this.#index(name);
      for (const value of values(row)) {
        const keys = index.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index.delete(value);
      }
    }
  }

  #next(key: K): number {
    this.#revision += 1;
    this.#journal.push({ revision: this.#revision, key });
    const live = this.#rows.size + this.#deleted.size;
    if (this.#journal.length > 2 * live + 1024) this.#compact();
    return this.#revision;
  }

  #compact(): void {
    const last = (key: K): number | undefined => this.#rows.get(key)?.revision ?? this.#deleted.get(key)?.revision;
    this.#journal = this.#journal.filter(
      (entry) => entry.revision === this.#revision || last(entry.key) === entry.revision,
    );
  }

  #forget(): void {
    const max = this.#options.maxDeletions ?? 10_000;
    for (const [key, { revision }] of this.#deleted) {
      if (this.#deleted.size <= max) return;
      this.#deleted.delete(key);
      this.#forgotten = Math.max(this.#forgotten, revision);
    }
  }

  #firstAfter(revision: number): number {
    let low = 0;
    let high = this.#journal.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#journal[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
