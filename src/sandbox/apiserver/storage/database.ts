import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { apiServerErrors } from '../errors.ts';

export type Row = { resource: string; namespace: string; name: string; revision: number; json: string };

const LAYOUT = `
  CREATE TABLE IF NOT EXISTS objects (
    resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    revision INTEGER NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
`;

/**
 * What outlives a restart: each object's JSON and the revision counter. Reads are served from memory; this is only written,
 * and read once at start. One process owns the file.
 */
export class Database {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #count: StatementSync;

  /** `path` may be `:memory:`. */
  constructor(path: string) {
    try {
      // It holds secrets: for its owner only, from the first byte. SQLite gives its other files the same mode.
      if (path !== ':memory:') closeSync(openSync(path, 'a', 0o600));
      this.#db = new DatabaseSync(path);
      this.#db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
      this.#db.exec(LAYOUT);
    } catch (cause) {
      throw apiServerErrors.make('E_API_DATABASE', { detail: path, cause });
    }
    this.#put = this.#db.prepare(
      'INSERT INTO objects VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision, json = excluded.json',
    );
    this.#remove = this.#db.prepare('DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?');
    this.#count = this.#db.prepare("INSERT OR REPLACE INTO counters VALUES ('revision', ?)");
  }

  *rows(): Iterable<Row> {
    for (const row of this.#db.prepare('SELECT resource, namespace, name, revision, json FROM objects').iterate()) {
      yield {
        resource: String(row['resource']),
        namespace: String(row['namespace']),
        name: String(row['name']),
        revision: Number(row['revision']),
        json: String(row['json']),
      };
    }
  }

  /** The revision of the last removal; removed objects leave no row that would tell it. */
  get lastRemoval(): number {
    const row = this.#db.prepare("SELECT value FROM counters WHERE name = 'revision'").get();
    return row === undefined ? 0 : Number(row['value']);
  }

  put(row: Row): void {
    this.#put.run(row.resource, row.namespace, row.name, row.revision, row.json);
  }

  remove(resource: string, namespace: string, name: string, revision: number): void {
    this.#remove.run(resource, namespace, name);
    this.#count.run(revision);
  }

  close(): void {
    this.#db.close();
  }
}
