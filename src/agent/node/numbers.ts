import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { errorMessage, type Logger } from '../../base/index.ts';
import { CidrIdentities, type SavedNumbers } from '../../identity/index.ts';
import { agentErrors } from '../errors.ts';

/** Raised when an agent of before cannot go on with what this one writes. */
const FORMAT = 1;

/** What is written is on disk when the call returns (synchronous), and costs what changed, not what is there. */
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS identities (id INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS prefixes (prefix TEXT PRIMARY KEY, id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL) STRICT;
`;

const countRow = z.object({ count: z.int() });
const formatRow = z.object({ format: z.int() });
const cursorRow = z.object({ next: z.int() });
const identityRows = z.array(z.object({ record: z.string() }));
const prefixRows = z.array(z.object({ prefix: z.string(), id: z.int() }));

/**
 * The numbering of identities and prefixes: what numbers in the kernel mean, also to the agent's next life. A database,
 * because a tenant that has a new identity every moment must not make all of them be written every moment.
 */
export class Numbers {
  readonly #path: string;
  #database: DatabaseSync | undefined;
  #trusted = false;
  /** The first save of a life also forgets what nobody has claimed since. */
  #whole = true;

  constructor(stateDir: string) {
    this.#path = `${stateDir}/numbers.db`;
  }

  /** False: what an earlier life wrote into the kernel cannot be read any more. */
  get trusted(): boolean {
    return this.#trusted;
  }

  /** Into an empty `allocator`, which stays so when there is nothing that can be read. */
  restore(allocator: SavedNumbers, log: Logger): CidrIdentities {
    try {
      const database = this.#open();
      const cursor = cursorRow.optional().parse(database.prepare('SELECT next FROM cursor').get());
      if (cursor !== undefined) {
        const identities = identityRows.parse(database.prepare('SELECT record FROM identities ORDER BY id').all());
        const prefixes = prefixRows.parse(database.prepare('SELECT prefix, id FROM prefixes').all());
        const remembered = Object.fromEntries(prefixes.map(({ prefix, id }) => [prefix, id]));
        const records = identities.map(({ record }): unknown => JSON.parse(record));
        allocator.restore({ next: cursor.next, identities: records });
        this.#trusted = true;
        return new CidrIdentities({ remembered });
      }
    } catch (error) {
      log.error(
        { file: this.#path, error: errorMessage(error) },
        'the numbering is lost: all endpoints are closed until it is made anew',
      );
      this.#discard();
    }
    return new CidrIdentities();
  }

  /** E_AGENT_STATE; what was not written is written by the next call. */
  save(allocator: SavedNumbers, cidrs: CidrIdentities): void {
    if (!this.#whole && allocator.changes.size === 0 && cidrs.changes.size === 0) return;
    try {
      this.#write(this.#open(), allocator, cidrs);
    } catch (cause) {
      throw agentErrors.make('E_AGENT_STATE', { detail: this.#path, cause });
    }
    this.#whole = false;
    allocator.saved();
    cidrs.saved();
  }

  close(): void {
    this.#database?.close();
    this.#database = undefined;
  }

  #write(database: DatabaseSync, allocator: SavedNumbers, cidrs: CidrIdentities): void {
    database.exec('BEGIN IMMEDIATE');
    try {
      if (this.#whole) database.exec('DELETE FROM identities; DELETE FROM prefixes');
      const { next, identities } = this.#whole ? allocator.snapshot() : { next: allocator.next, identities: [] };
      const putIdentity = database.prepare('INSERT OR REPLACE INTO identities VALUES (?, ?)');
      const deleteIdentity = database.prepare('DELETE FROM identities WHERE id = ?');
      for (const record of identities) putIdentity.run(record.id, JSON.stringify(record));
      for (const [id, record] of this.#whole ? [] : allocator.changes) {
        if (record === undefined) deleteIdentity.run(id);
        else putIdentity.run(id, JSON.stringify(record));
      }
      const putPrefix = database.prepare('INSERT OR REPLACE INTO prefixes VALUES (?, ?)');
      const deletePrefix = database.prepare('DELETE FROM prefixes WHERE prefix = ?');
      for (const [prefix, id] of this.#whole ? Object.entries(cidrs.snapshot()) : cidrs.changes) {
        if (id === undefined) deletePrefix.run(prefix);
        else putPrefix.run(prefix, id);
      }
      database.prepare('INSERT OR REPLACE INTO cursor VALUES (1, ?)').run(next);
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  }

  #open(): DatabaseSync {
    if (this.#database !== undefined) return this.#database;
    const database = new DatabaseSync(this.#path);
    try {
      const { count } = countRow.parse(database.prepare('SELECT count(*) AS count FROM sqlite_schema').get());
      const { format } = formatRow.parse(
        database.prepare('SELECT user_version AS format FROM pragma_user_version').get(),
      );
      if (count > 0 && format !== FORMAT) throw new Error(`it is of format ${format}, this agent reads ${FORMAT}`);
      database.exec(`${SCHEMA} PRAGMA user_version = ${FORMAT}`);
    } catch (error) {
      database.close();
      throw error;
    }
    this.#database = database;
    return database;
  }

  #discard(): void {
    this.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${this.#path}${suffix}`, { recursive: true, force: true });
  }
}
