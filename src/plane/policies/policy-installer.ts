import type { MembraneError, Signal } from '../../base/index.ts';
import { type PolicyLeftovers, type PolicyLookup, type PolicyTables, serialOf } from '../../datapath/index.ts';
import {
  DIRECTIONS,
  type Direction,
  type IdentityId,
  type PolicyKey,
  type PolicyRevision,
  type PolicyTableId,
  type PolicyTableValue,
  type TenantShareOf,
} from '../../model/index.ts';
import type { Floor, PolicyRepository, RuleSet } from '../../policy/index.ts';
import type { NumberReserve } from '../revisions/index.ts';
import { FLOORS, LAST_FLOOR, writeFloors } from './policy-floors.ts';
import type { PolicyLimits } from './policy-limits.ts';
import { type Pair, Revisions } from './revisions.ts';
import { TableBuilder } from './table-builder.ts';

/** What is in force for an identity in one direction. */
export type DirectionState = {
  /**
   * `wanted`: what the policies say. `former`: what was before, while a large table is being made. `closed`: the floor,
   * because the table is being made and the direction was open before, or because it does not fit.
   */
  readonly inForce: 'wanted' | 'former' | 'closed';
  readonly table: PolicyTableId;
  /** Of the rules that `table` is of. */
  readonly floor: Floor;
  /** What of the policies is not in force, and why. */
  readonly problem: MembraneError | undefined;
  /** Policies whose rules admit nobody, where `problem` is about some of them only. */
  readonly without: readonly PolicyKey[];
  /** Peers that joined and could not be added; they are not admitted. */
  readonly missing: ReadonlySet<IdentityId>;
  /** Since when it is so, milliseconds since the epoch. */
  readonly since: number;
};

type Decided = Omit<DirectionState, 'since'>;

const WHOLE = { problem: undefined, without: [], missing: new Set<never>() } as const;

export type Installed = {
  readonly pair: Pair;
  readonly revision: PolicyRevision;
  readonly states: Readonly<Record<Direction, DirectionState>>;
};

export type PolicyInstallerOptions = {
  /** Undefined: policies are not enforced. */
  readonly tables: PolicyTables;
  readonly repository: PolicyRepository;
  readonly limits: PolicyLimits;
  readonly shareOf: TenantShareOf;
  readonly leftovers: PolicyLeftovers;
  /** Of revisions. */
  readonly numbers: NumberReserve;
  /** Revisions that words name. */
  readonly named: () => Iterable<PolicyRevision>;
};

/**
 * What of the policies is in force for each identity of this node. A direction that becomes isolated closes at once,
 * whatever its table needs; a table that does not fit, or exceeds its bounds, leaves the direction closed.
 */
export class PolicyInstaller {
  readonly #o: PolicyInstallerOptions;
  readonly #builder: TableBuilder;
  readonly #revisions: Revisions;
  readonly #installed = new Map<IdentityId, Installed>();
  /** Whose tables are asked for, by identity and the other way round. */
  readonly #rules = new Map<IdentityId, readonly RuleSet[]>();
  readonly #usersOf = new Map<RuleSet, Set<IdentityId>>();
  /** Their rules may be others. */
  #touched = new Set<IdentityId>();
  /** What is in force for them is to be decided again. */
  #due = new Set<IdentityId>();

  constructor(options: PolicyInstallerOptions) {
    this.#o = options;
    const { tables, repository, limits, shareOf, leftovers, numbers, named } = options;
    this.#builder = new TableBuilder({
      tables,
      repository,
      limits,
      shareOf,
      leftovers: leftovers.tables,
    });
    this.#revisions = new Revisions({ tables, builder: this.#builder, numbers, named });
  }

  get(id: IdentityId): Installed | undefined {
    return this.#installed.get(id);
  }

  /** What is in force says of a peer; undefined: nothing, which denies. */
  lookUp({ table }: DirectionState, question: PolicyLookup): PolicyTableValue | undefined {
    return this.#o.tables.lookUp(table, question);
  }

  entries(): MapIterator<[IdentityId, Installed]> {
    return this.#installed.entries();
  }

  /** A table was made beside the passes. */
  get built(): Signal {
    return this.#builder.built;
  }

  /** Tables could not be made for a reason that is not theirs. */
  get failed(): Signal {
    return this.#builder.failed;
  }

  /** Why that was, the last time that it happened. */
  get failure(): string | undefined {
    return this.#builder.failure;
  }

  /** Rows and peers of all tables. */
  get rows(): number {
    return this.#o.tables.rows;
  }

  get peers(): number {
    return this.#o.tables.peers;
  }

  /** Tables that are being made, or wait for it. */
  get building(): number {
    return this.#builder
      .values()
      .reduce((sum, { state }) => sum + (state === 'waiting' || state === 'building' ? 1 : 0), 0);
  }

  /** A table is being made beside the passes. */
  get busy(): boolean {
    return this.#builder.busy;
  }

  /** A number that no table, word or conntrack entry has had. */
  freshRevision(): PolicyRevision {
    return this.#revisions.fresh();
  }

  /** Before anything else is written. */
  async start(now: number): Promise<void> {
    const { tables, leftovers } = this.#o;
    await writeFloors(tables, leftovers.tables);
    for (const [revision, pair] of leftovers.revisions) this.#revisions.restore(revision, pair, now);
  }

  /** Goes on with what an earlier life had in force for the identity, until its own tables are there. */
  adopt(id: IdentityId, revision: PolicyRevision, now: number): void {
    const pair = this.#o.leftovers.revisions.get(revision);
    if (pair === undefined || this.#installed.has(id)) return;
    const rules = this.#o.repository.rulesOf(id);
    const state = (index: 0 | 1): DirectionState => {
      const table = pair[index];
      if (serialOf(table) > LAST_FLOOR) this.#builder.offer(rules[DIRECTIONS[index]], table);
      const floor = table === FLOORS.open.id ? 'open' : 'closed';
      return { inForce: 'former', table, floor, ...WHOLE, since: now };
    };
    const taken = this.#revisions.take(pair);
    this.#installed.set(id, { pair: taken, revision: taken.revision, states: { ingress: state(0), egress: state(1) } });
  }

  /** The identity has come to this node, or its rules may be others. */
  touch(id: IdentityId): void {
    this.#touched.add(id);
  }

  /**
   * Asks for the tables of what was touched, and brings peers that joined or left into all that are there. `isHere`: some
   * endpoint has the identity; of those on their way out a word still names the tables.
   */
  async prepare(isHere: (id: IdentityId) => boolean): Promise<void> {
    const touched = this.#touched;
    this.#touched = new Set();
    for (const id of touched) {
      if (!isHere(id) && !this.#installed.has(id)) continue;
      this.#ask(id);
      this.#due.add(id);
    }
    await this.#builder.follow();
  }

  #ask(id: IdentityId): void {
    const { repository } = this.#o;
    const rules = repository.identity(id)?.kind === 'pod' ? repository.rulesOf(id) : undefined;
    const sets = DIRECTIONS.flatMap((direction) => {
      const set = rules?.[direction];
      return set === undefined || set.trivial ? [] : [set];
    });
    const before = this.#rules.get(id) ?? [];
    if (sets.length === 0) this.#rules.delete(id);
    else this.#rules.set(id, sets);
    // The new ones first: what both have stays held.
    for (const set of sets) this.#use(set, id);
    for (const set of before) if (!sets.includes(set)) this.#leave(set, id);
  }

  #use(set: RuleSet, id: IdentityId): void {
    const users = this.#usersOf.get(set);
    if (users !== undefined) users.add(id);
    else {
      this.#usersOf.set(set, new Set([id]));
      this.#builder.want(set);
    }
  }

  #leave(set: RuleSet, id: IdentityId): void {
    const users = this.#usersOf.get(set);
    users?.delete(id);
    if (users?.size !== 0) return;
    this.#usersOf.delete(set);
    this.#builder.unwant(set);
  }

  /** Makes tables: the small ones now, the others beside the passes. */
  async build(): Promise<void> {
    await this.#builder.build();
  }

  /** Decides what is in force from now on for each identity that is here and of which it may be something else. */
  install(isHere: (id: IdentityId) => boolean, now: number): ReadonlyMap<IdentityId, Installed> {
    for (const set of this.#builder.drainTurned()) {
      for (const id of this.#usersOf.get(set) ?? []) this.#due.add(id);
    }
    const due = this.#due;
    const installed = new Map<IdentityId, Installed>();
    for (const id of due) if (isHere(id)) installed.set(id, this.#installOne(id, now));
    // Not before: should it fail, they are decided by the next pass.
    this.#due = new Set();
    return installed;
  }

  #installOne(id: IdentityId, now: number): Installed {
    const before = this.#installed.get(id);
    const rules = this.#o.repository.rulesOf(id);
    const states = {
      ingress: stateSince(this.#state(rules.ingress, before?.states.ingress), before?.states.ingress, now),
      egress: stateSince(this.#state(rules.egress, before?.states.egress), before?.states.egress, now),
    };
    const tables = [states.ingress.table, states.egress.table] as const;
    const same = before?.pair.tables.join() === tables.join();
    const pair = same ? before.pair : this.#revisions.take(tables);
    if (before !== undefined && !same) this.#revisions.leave(before.pair, now);
    const installed = { pair, revision: pair.revision, states };
    this.#installed.set(id, installed);
    return installed;
  }

  /** No endpoint of this node has the identity any more. */
  drop(id: IdentityId, now: number): void {
    const before = this.#installed.get(id);
    this.#installed.delete(id);
    for (const set of this.#rules.get(id) ?? []) this.#leave(set, id);
    this.#rules.delete(id);
    this.#o.repository.forget(id);
    if (before !== undefined) this.#revisions.leave(before.pair, now);
  }

  /** From now on nobody gets a revision that somebody has, or had. */
  unshare(): void {
    this.#revisions.unshare();
  }

  /** The same tables under other numbers: every connection of this node's pods is judged anew. */
  renew(now: number): void {
    this.#revisions.unshare();
    for (const [id, before] of this.#installed) {
      const pair = this.#revisions.take(before.pair.tables);
      this.#revisions.leave(before.pair, now);
      this.#installed.set(id, { ...before, pair, revision: pair.revision });
      this.#due.add(id);
    }
  }

  /** Something found no memory and is to be tried again soon. */
  get short(): boolean {
    return this.#builder.short;
  }

  /** Something is to be deleted later. */
  get retired(): number {
    return this.#revisions.retired + this.#builder.retired;
  }

  /** Deletes what no word names. True when that may have made room for a table that waits for some. */
  async sweep(now: number, named: Pick<ReadonlySet<PolicyRevision>, 'has'>): Promise<boolean> {
    await this.#revisions.sweep(now, named);
    await this.#builder.sweep(now);
    return this.#builder.pending;
  }

  async idle(): Promise<void> {
    await this.#builder.idle();
  }

  async stop(): Promise<void> {
    await this.#builder.stop();
  }

  #state(set: RuleSet, before: DirectionState | undefined): Decided {
    const floor = { table: FLOORS[set.floor].id, floor: set.floor };
    if (set.trivial) return { inForce: 'wanted', ...floor, ...WHOLE };
    const built = this.#builder.get(set);
    if (built?.written !== undefined && built.state === 'ready') {
      const { written, problem, without } = built;
      const missing = problem === undefined ? WHOLE.missing : set.changed;
      return { inForce: 'wanted', table: written.id, floor: set.floor, problem, without, missing };
    }
    if (built?.state === 'refused') return { inForce: 'closed', ...floor, ...WHOLE, problem: built.problem };
    const closes = before === undefined || (before.floor === 'open' && set.floor !== 'open');
    if (closes) return { inForce: 'closed', ...floor, ...WHOLE };
    return before.inForce === 'closed' ? before : { ...before, inForce: 'former' };
  }
}

function stateSince(decided: Decided, before: DirectionState | undefined, now: number): DirectionState {
  const isSame =
    before?.inForce === decided.inForce &&
    before.table === decided.table &&
    before.problem?.code === decided.problem?.code;
  return { ...decided, since: isSame ? before.since : now };
}
