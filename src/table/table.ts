import { Signal } from '../base/index.ts';
import { TableReader } from './reader.ts';

/** One step from the rows as they were to newer ones: first the deletes. A key in both came anew under its name. */
export type TableBatch<Row> = {
  readonly upserts: readonly Row[];
  readonly deletes: readonly Row[];
  /** From the batch on that makes the table whole for the first time. */
  readonly synced: boolean;
};

/** What others may see of a table: its owner alone writes. */
export type ReadonlyTable<Row, K extends string = string> = Pick<
  Table<Row, K>,
  'rows' | 'synced' | 'changed' | 'get' | 'reader'
>;

/**
 * Rows by key. State lives in tables: whoever depends on it has a reader of its own, asks it what changed, and looks the
 * rows up as they are now. A row that changed often since a reader asked is one key to it, so nobody who is slow costs
 * anybody memory, and a table never waits for its readers.
 */
export class Table<Row, K extends string = string> {
  /** There is something for readers. Once a batch. */
  readonly changed = new Signal();
  readonly #key: (row: Row) => K;
  readonly #rows = new Map<K, Row>();
  readonly #readers: TableReader<K>[] = [];
  readonly #parts: readonly string[];
  /** Parts that have been whole once; undefined: all of them. */
  readonly #whole = new Set<string | undefined>();

  /** `parts`: where the rows come from several sources, each of which says when it has given all of its own. */
  constructor(key: (row: Row) => K, parts: readonly string[] = []) {
    this.#key = key;
    this.#parts = parts;
  }

  get rows(): ReadonlyMap<K, Row> {
    return this.#rows;
  }

  /** It has been whole once: what is not there does not exist. */
  get synced(): boolean {
    const whole = this.#whole;
    return whole.has(undefined) || (whole.size > 0 && this.#parts.every((part) => whole.has(part)));
  }

  get(key: K): Row | undefined {
    return this.#rows.get(key);
  }

  /** `part`: that the batch is of; undefined: of all. */
  apply(batch: TableBatch<Row>, part?: string): void {
    for (const row of batch.deletes) {
      const key = this.#key(row);
      this.#rows.delete(key);
      this.#note(key);
    }
    for (const row of batch.upserts) {
      // One string for both: readers keep it.
      const key = this.#key(row);
      this.#rows.set(key, row);
      this.#note(key);
    }
    if (batch.synced) this.#whole.add(part);
    this.changed.emit();
  }

  set(row: Row): void {
    const key = this.#key(row);
    this.#rows.set(key, row);
    this.#note(key);
    this.changed.emit();
  }

  /** Deleting what is gone is success. */
  delete(key: K): void {
    if (!this.#rows.delete(key)) return;
    this.#note(key);
    this.changed.emit();
  }

  /** For one who follows the table from now on; it has every row to look at first. */
  reader(): TableReader<K> {
    const reader = new TableReader(this.#rows.keys());
    this.#readers.push(reader);
    return reader;
  }

  #note(key: K): void {
    const keys = [key];
    for (const reader of this.#readers) reader.touch(keys);
  }
}
