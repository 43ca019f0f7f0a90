import { errorMessage, isMembraneError, type MembraneError } from '../base/index.ts';
import type { PolicyTables } from '../datapath/index.ts';
import {
  type IdentityId,
  type PolicyRevision,
  type PolicyTable,
  type PolicyTableRow,
  policyRevision,
} from '../model/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import { agentErrors } from './errors.ts';

/** The table of one identity in the kernel. */
export type Installed = {
  /** In force; undefined: nothing could be written yet. */
  readonly revision: PolicyRevision | undefined;
  readonly rows: number;
  /** Why the newest table is not in force; the revision is of the last good one. */
  readonly refused: MembraneError | undefined;
};

const NOTHING: Installed = { revision: undefined, rows: 0, refused: undefined };

/**
 * Brings policy tables into the kernel: a change is a complete table under a fresh revision, or, when peers only joined,
 * rows for the revision in force. What does not fit is refused whole, and the last good revision stays.
 */
export class PolicyInstaller {
  /** Undefined: policies are not enforced, and a revision is but a number. */
  readonly #tables: PolicyTables | undefined;
  readonly #repository: PolicyRepository;
  readonly #installed = new Map<IdentityId, Installed>();
  /** Revisions that are not wanted any more, with the time from which they may be deleted. */
  readonly #retired = new Map<PolicyRevision, number>();
  #next: number;

  /** `next`: above every revision that the kernel holds or a word names. */
  constructor(options: { tables: PolicyTables | undefined; repository: PolicyRepository; next: number }) {
    this.#tables = options.tables;
    this.#repository = options.repository;
    this.#next = options.next;
  }

  get(id: IdentityId): Installed | undefined {
    return this.#installed.get(id);
  }

  get rows(): number {
    return this.#tables?.size ?? 0;
  }

  entries(): MapIterator<[IdentityId, Installed]> {
    return this.#installed.entries();
  }

  /** A number that no table, word or conntrack entry has had. */
  freshRevision(): PolicyRevision {
    const revision = policyRevision(this.#next);
    // After 2^32 revisions conntrack has long forgotten the first; 0 is not a revision.
    this.#next = this.#next >= 0xffff_ffff ? 1 : this.#next + 1;
    return revision;
  }

  /** Takes a revision of an earlier life over when it holds exactly the rows that are wanted. */
  adopt(id: IdentityId, revision: PolicyRevision, rows: PolicyTable): boolean {
    if (this.#installed.has(id)) return this.#installed.get(id)?.revision === revision;
    if (!sameRows(this.#repository.tableFor(id), rows)) return false;
    this.#installed.set(id, { revision, rows: rows.length, refused: undefined });
    return true;
  }

  /** Makes the table of this identity what the repository says. Never throws for a full map: see `refused`. */
  async install(id: IdentityId, now: number): Promise<Installed> {
    const before = this.#installed.get(id) ?? NOTHING;
    const after = (await this.#extend(id, before)) ?? (await this.#replace(id, before, now));
    this.#installed.set(id, after);
    return after;
  }

  /** No endpoint of this node has the identity any more. */
  drop(id: IdentityId, now: number): void {
    const before = this.#installed.get(id);
    this.#installed.delete(id);
    if (before?.revision !== undefined) this.retire(before.revision, now);
  }

  /** Marks a revision for deletion; packets that read its number just now still find its rows. */
  retire(revision: PolicyRevision, now: number): void {
    this.#retired.set(revision, now + 250);
  }

  get retired(): number {
    return this.#retired.size;
  }

  /** Deletes retired revisions whose time has come and that no word names. */
  async sweep(now: number, named: ReadonlySet<PolicyRevision>): Promise<void> {
    for (const [revision, due] of this.#retired) {
      if (due > now) continue;
      if (named.has(revision)) {
        this.#retired.set(revision, now + 250);
        continue;
      }
      this.#retired.delete(revision);
      await this.#tables?.delete(revision);
    }
  }

  async #extend(id: IdentityId, before: Installed): Promise<Installed | undefined> {
    if (before.revision === undefined || before.refused !== undefined) return undefined;
    if (this.#tables === undefined) return before;
    const rows = this.#repository.additionsFor(id);
    if (rows === undefined) return undefined;
    if (rows.length === 0) return before;
    try {
      await this.#tables?.add(before.revision, rows);
      return { ...before, rows: before.rows + rows.length };
    } catch (error) {
      return { ...before, refused: refusal(id, rows.length, error) };
    }
  }

  async #replace(id: IdentityId, before: Installed, now: number): Promise<Installed> {
    const table = this.#repository.tableFor(id);
    const revision = this.freshRevision();
    try {
      await this.#tables?.write(revision, table);
    } catch (error) {
      return { ...before, refused: refusal(id, table.length, error) };
    }
    if (before.revision !== undefined) this.retire(before.revision, now);
    return { revision, rows: table.length, refused: undefined };
  }
}

function refusal(id: IdentityId, rows: number, error: unknown): MembraneError {
  if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
  const detail = `identity ${id} needs ${rows} more rows; ${errorMessage(error)}`;
  return agentErrors.make('E_AGENT_POLICY_FULL', { detail, cause: error });
}

function rowText(row: PolicyTableRow): string {
  return `${row.direction} ${row.peer} ${row.protocol} ${row.port}/${row.portBits} ${row.verdict} ${row.precedence} ${row.rule}`;
}

function sameRows(a: PolicyTable, b: PolicyTable): boolean {
  if (a.length !== b.length) return false;
  const texts = new Set(a.map(rowText));
  return b.every((row) => texts.has(rowText(row)));
}
