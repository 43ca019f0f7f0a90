import { POLICY_PAIRS, type PolicyTables, type TablePair } from '../../datapath/index.ts';
import { type PolicyRevision, policyRevision } from '../../model/index.ts';
import { FreshNumbers, type NumberReserve, VersionedSets } from '../revisions/index.ts';
import type { TableBuilder } from './table-builder.ts';

/** Two tables under one number, for all endpoints that have both. */
export type Pair = { readonly revision: PolicyRevision; readonly tables: TablePair; users: number };

export type RevisionsOptions = {
  readonly tables: PolicyTables;
  readonly builder: TableBuilder;
  readonly numbers: NumberReserve;
  /** Revisions that words name. */
  readonly named: () => Iterable<PolicyRevision>;
};

/** The pairs of tables that words name. Whoever has the same tables has the same revision. */
export class Revisions {
  readonly #tables: PolicyTables;
  readonly #builder: TableBuilder;
  readonly #byTables = new Map<string, Pair>();
  /** Each has its place. */
  readonly #held = new Set<PolicyRevision>();
  readonly #pairs: VersionedSets<Pair>;
  readonly #numbers: FreshNumbers;

  constructor({ tables, builder, numbers, named }: RevisionsOptions) {
    this.#tables = tables;
    this.#builder = builder;
    this.#pairs = new VersionedSets({ remove: (pairs) => pairs.forEach((pair) => this.#remove(pair)) });
    const inUse = (from: number, below: number): Set<number> => {
      const places = Array.from(this.#held, (revision) => atPlaceOf(revision, from));
      return new Set([...places, ...named()].filter((number) => number >= from && number < below));
    };
    this.#numbers = new FreshNumbers({ ...numbers, first: 1, last: 0xffff_ffff, inUse });
  }

  get retired(): number {
    return this.#pairs.retired.size;
  }

  /** A number that no table, word or conntrack entry has had. */
  fresh(): PolicyRevision {
    return policyRevision(this.#numbers.fresh());
  }

  /** What an earlier life wrote; without users until somebody takes it. */
  restore(revision: PolicyRevision, tables: TablePair, now: number): void {
    const pair: Pair = { revision, tables, users: 0 };
    this.#held.add(revision);
    for (const id of tables) this.#builder.use(id);
    if (!this.#byTables.has(tables.join())) this.#byTables.set(tables.join(), pair);
    this.#pairs.adopt(pair, now);
  }

  /** The pair of these tables, with one more user. */
  take(tables: TablePair): Pair {
    const pair = this.#byTables.get(tables.join()) ?? this.#write(tables);
    pair.users += 1;
    this.#pairs.keep(pair);
    return pair;
  }

  /** What is there keeps its users and gets no more. */
  unshare(): void {
    this.#byTables.clear();
  }

  /** One user less. */
  leave(pair: Pair, now: number): void {
    pair.users -= 1;
    if (pair.users > 0) return;
    if (this.#byTables.get(pair.tables.join()) === pair) this.#byTables.delete(pair.tables.join());
    this.#pairs.retire(pair, now);
  }

  /** Deletes pairs whose time has come and that no word names. */
  async sweep(now: number, named: Pick<ReadonlySet<PolicyRevision>, 'has'>): Promise<void> {
    await this.#pairs.sweep(now, ({ revision }) => named.has(revision));
  }

  #remove(pair: Pair): void {
    if (this.#byTables.get(pair.tables.join()) === pair) this.#byTables.delete(pair.tables.join());
    this.#tables.deleteRevision(pair.revision);
    this.#held.delete(pair.revision);
    for (const id of pair.tables) this.#builder.unuse(id);
  }

  #write(tables: TablePair): Pair {
    const pair: Pair = { revision: this.fresh(), tables, users: 0 };
    this.#tables.setRevision(pair.revision, tables);
    this.#held.add(pair.revision);
    for (const id of tables) this.#builder.use(id);
    this.#byTables.set(tables.join(), pair);
    return pair;
  }
}

/** The first number from `from` on that would have the place of this revision. */
function atPlaceOf(revision: number, from: number): number {
  return from + ((((revision - from) % POLICY_PAIRS) + POLICY_PAIRS) % POLICY_PAIRS);
}
