import { setImmediate as nextTurn } from 'node:timers/promises';
import { errorMessage, inSlices, isMembraneError, type MembraneError, Signal } from '../../base/index.ts';
import { type PolicyTables, policyTableNumber, serialOf, suits, TABLE_SERIALS } from '../../datapath/index.ts';
import type { PolicyKey, PolicyTable, PolicyTableId, TenantShareOf } from '../../model/index.ts';
import { CompiledTable, type PolicyRepository, type RuleSet } from '../../policy/index.ts';
import { planeErrors } from '../errors.ts';
import { FreshNumbers, Refusals, VersionedSets } from '../revisions/index.ts';
import { LAST_FLOOR } from './policy-floors.ts';
import type { PolicyLimits } from './policy-limits.ts';

export type TableBuilderOptions = {
  readonly tables: PolicyTables;
  readonly repository: PolicyRepository;
  readonly limits: PolicyLimits;
  /** What namespaces may have together, beside what each may. */
  readonly shareOf: TenantShareOf;
  /** Tables that an earlier life left. */
  readonly leftovers: ReadonlyMap<PolicyTableId, PolicyTable>;
};

/** A table in the kernel. */
export type WrittenTable = {
  readonly id: PolicyTableId;
  table: PolicyTable;
  /** Pairs that name it. */
  uses: number;
};

/** What became of a wanted rule set. */
export type Built = {
  readonly set: RuleSet;
  state: 'waiting' | 'building' | 'ready' | 'refused';
  written: WrittenTable | undefined;
  /** Why it is refused, or what of it is not in force. */
  problem: MembraneError | undefined;
  /** Policies that were left out: they isolate, and admit nobody. */
  without: readonly PolicyKey[];
  /** What it takes of its namespace's share. */
  size: number;
  /** Peers and ports that the policies name. */
  readonly weight: number;
};

/** Rule sets up to this weight are built within a pass, larger ones beside the passes. */
const SMALL = 2_048;
/** What a pass spends on tables at most before others get their turn, ms. */
const PASS_MS = 50;
/** Of so many large tables one is the oldest that waits, whatever its size. */
const OLDEST_EVERY = 4;

/**
 * Makes the tables of rule sets: compiled and written in slices, small before large, so that nobody's policy waits for
 * another's. What exceeds its bounds or does not fit is refused, and tried again when something was freed.
 */
export class TableBuilder {
  /** A table that was built beside the passes is there, or will not be. */
  readonly built = new Signal();
  /** Building beside the passes stopped by an error that has nothing to do with the table; `build` begins again. */
  readonly failed = new Signal();
  readonly #o: TableBuilderOptions;
  readonly #built = new Map<RuleSet, Built>();
  readonly #written = new Map<PolicyTableId, WrittenTable>();
  readonly #sets: VersionedSets<WrittenTable>;
  readonly #refusals: Refusals<RuleSet>;
  readonly #offers = new Map<RuleSet, Set<PolicyTableId>>();
  readonly #wanted = new Set<RuleSet>();
  readonly #waiting = new Set<Built>();
  /** Nobody wants them any more; a pair may still name their tables. */
  readonly #leaving = new Set<Built>();
  /** Tables that maybe nothing names or wants any more. */
  readonly #doubtful = new Set<WrittenTable>();
  /** Rule sets of which became something else. */
  #turned = new Set<RuleSet>();
  readonly #serials: FreshNumbers;
  #worker: Promise<void> | undefined;
  #taken = 0;
  #stopped = false;
  #failure: string | undefined;

  constructor(options: TableBuilderOptions) {
    this.#o = options;
    for (const [id, table] of options.leftovers) {
      if (serialOf(id) <= LAST_FLOOR) continue;
      const written = { id, table, uses: 0 };
      this.#written.set(id, written);
      this.#doubtful.add(written);
    }
    // What names a table is a pair, which goes by a grace of its own.
    this.#sets = new VersionedSets({ remove: async (tables) => await this.#remove(tables), graceMs: 0 });
    this.#refusals = new Refusals(() => options.tables.freed);
    const serials = (): MapIterator<number> => this.#written.keys().map(serialOf);
    this.#serials = new FreshNumbers({
      first: LAST_FLOOR + 1,
      last: TABLE_SERIALS - 1,
      // Nothing but the maps knows a table by its number.
      next: serials().reduce((most, serial) => Math.max(most, serial), LAST_FLOOR) + 1,
      reserve: () => undefined,
      inUse: (from, below) => new Set(serials().filter((serial) => serial >= from && serial < below)),
    });
  }

  get(set: RuleSet): Built | undefined {
    return this.#built.get(set);
  }

  values(): MapIterator<Built> {
    return this.#built.values();
  }

  /** Why building beside the passes stopped the last time that it did. */
  get failure(): string | undefined {
    return this.#failure;
  }

  get busy(): boolean {
    return this.#worker !== undefined;
  }

  /** Something that did not fit may fit now. */
  get pending(): boolean {
    return this.#refusals.pending;
  }

  /** The kernel had no memory for something that has room: to be tried again soon. */
  get short(): boolean {
    return this.#refusals.short;
  }

  /** Endpoints need its table. */
  want(set: RuleSet): void {
    const { repository } = this.#o;
    this.#wanted.add(set);
    if (this.#built.has(set)) return;
    repository.hold(set);
    const weight = repository
      .weights(set)
      .values()
      .reduce((sum, own) => sum + own, 0);
    const fresh = { written: undefined, problem: undefined, without: [], size: 0 };
    const built: Built = { set, state: 'waiting', weight, ...fresh };
    this.#built.set(set, built);
    this.#turn(built, 'waiting');
  }

  /** Nobody needs it any more. */
  unwant(set: RuleSet): void {
    this.#wanted.delete(set);
    const built = this.#built.get(set);
    if (built !== undefined) this.#leaving.add(built);
  }

  /** Rule sets of which became something else since the last call. */
  drainTurned(): ReadonlySet<RuleSet> {
    const turned = this.#turned;
    this.#turned = new Set();
    return turned;
  }

  /** A table of an earlier life that may be the one of this set. */
  offer(set: RuleSet, id: PolicyTableId): void {
    const known = this.#offers.get(set) ?? new Set();
    this.#offers.set(set, known.add(id));
  }

  /** One pair more names the table. */
  use(id: PolicyTableId): void {
    const written = this.#written.get(id);
    if (written === undefined) return;
    written.uses += 1;
    this.#sets.keep(written);
  }

  /** One pair less. */
  unuse(id: PolicyTableId): void {
    const written = this.#written.get(id);
    if (written === undefined) return;
    written.uses -= 1;
    this.#doubtful.add(written);
  }

  /** Brings peers that joined or left into the tables that are there, before anything states them. */
  async follow(): Promise<void> {
    this.#giveUp();
    for (const set of this.#o.repository.drainChanged()) {
      const built = this.#built.get(set);
      if (built !== undefined) await this.#extend(built);
    }
    for (const set of this.#refusals.retry()) {
      const built = this.#built.get(set);
      if (built?.state === 'refused') this.#turn(built, 'waiting');
      else if (built !== undefined) await this.#extend(built);
    }
  }

  /** Makes the small tables that are waited for; the large ones, and what takes too long, go on beside the passes. */
  async build(): Promise<void> {
    const began = performance.now();
    const waiting = Array.from(this.#waiting).sort((a, b) => a.weight - b.weight);
    for (const built of waiting) {
      if (built.weight > SMALL || performance.now() - began > PASS_MS) break;
      // Beside the passes somebody may have taken it meanwhile.
      if (built.state === 'waiting') await this.#make(built);
    }
    if (this.#worker !== undefined || this.#stopped) return;
    if (this.#waiting.size === 0) return;
    this.#worker = this.#work().catch((error: unknown) => {
      this.#worker = undefined;
      this.#failure = errorMessage(error);
      this.failed.emit();
    });
  }

  /** Resolves when no table is being made. */
  async idle(): Promise<void> {
    await this.#worker;
  }

  /** Resolves when the table that is being made is done; there will be no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#worker;
  }

  /** Deletes tables that nothing names and nobody wants. */
  async sweep(now: number): Promise<void> {
    this.#giveUp();
    this.#retire(now);
    await this.#sets.sweep(now);
  }

  #retire(now: number): void {
    if (this.#doubtful.size === 0) return;
    const current = new Set(Array.from(this.#built.values(), ({ written }) => written));
    for (const offered of this.#offers.values()) {
      for (const id of offered) current.add(this.#written.get(id));
    }
    for (const written of this.#doubtful) {
      if (written.uses > 0 || current.has(written)) this.#sets.keep(written);
      else this.#sets.retire(written, now);
    }
    this.#doubtful.clear();
  }

  #turn(built: Built, state: Built['state']): void {
    built.state = state;
    if (state === 'waiting') this.#waiting.add(built);
    else this.#waiting.delete(built);
    this.#turned.add(built.set);
  }

  /** Nobody offers them any more. */
  #withdrawOffers(set: RuleSet): void {
    for (const id of this.#offers.get(set) ?? []) this.#doubt(this.#written.get(id));
    this.#offers.delete(set);
  }

  #doubt(written: WrittenTable | undefined): void {
    if (written !== undefined) this.#doubtful.add(written);
  }

  /** Could not be deleted yet. */
  get retired(): number {
    return this.#sets.retired.size;
  }

  async #remove(tables: readonly WrittenTable[]): Promise<void> {
    for (const { id } of tables) {
      await this.#o.tables.delete(id);
      this.#written.delete(id);
    }
  }

  /** What is still named stays, and follows its peers, until something else is in force. */
  #giveUp(): void {
    for (const built of this.#leaving) {
      if (!this.#wanted.has(built.set) && (built.written?.uses ?? 0) > 0) continue;
      this.#leaving.delete(built);
      if (this.#wanted.has(built.set)) continue;
      this.#built.delete(built.set);
      this.#waiting.delete(built);
      this.#withdrawOffers(built.set);
      this.#doubt(built.written);
      this.#refusals.accept(built.set);
      this.#o.repository.release(built.set);
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const waiting = Array.from(this.#waiting);
      const [first] = waiting;
      if (first === undefined || this.#stopped) {
        // In the same turn as the last look: a table that came to wait in between would wait for the next pass.
        this.#worker = undefined;
        return;
      }
      this.#taken += 1;
      const smallest = waiting.reduce((best, built) => (built.weight < best.weight ? built : best));
      await this.#make(this.#taken % OLDEST_EVERY === 0 ? first : smallest);
      this.built.emit();
      await nextTurn();
    }
  }

  async #make(built: Built): Promise<void> {
    const { set } = built;
    this.#turn(built, 'building');
    try {
      const { table, without } = await this.#compile(built);
      if (this.#built.get(set) !== built) return;
      this.#checkShare(built, table.size);
      built.size = table.size;
      this.#doubt(built.written);
      built.written = this.#adopted(set, table) ?? (await this.#write(table));
      this.#sets.keep(built.written);
      // It may have been given up meanwhile.
      this.#doubt(built.written);
      built.without = without;
      built.problem = without.length === 0 ? undefined : tooLarge(without, this.#o.limits.table);
      this.#turn(built, 'ready');
      this.#refusals.accept(set);
      await this.#extend(built);
    } catch (error) {
      const isThere = this.#built.get(set) === built;
      // What has nothing to do with the table is thrown on, and it waits.
      if (isThere) this.#turn(built, 'waiting');
      const problem = refusal(set, error);
      built.problem = problem;
      this.#turn(built, 'refused');
      this.#doubt(built.written);
      built.written = undefined;
      built.size = 0;
      if (isThere) this.#refuse(set, problem, error);
    } finally {
      this.#withdrawOffers(set);
    }
  }

  /** With more than a table may have, the policies that ask for most are left out: they isolate, and admit nobody. */
  async #compile({ set }: Built): Promise<{ table: CompiledTable; without: readonly PolicyKey[] }> {
    const { repository, limits } = this.#o;
    const weights = Array.from(repository.weights(set)).sort(([, a], [, b]) => b - a);
    const onlyAllows = set.items.every(({ entry }) => entry.verdict === 'allow');
    for (let left = 0; ; left = left < 3 ? left + 1 : weights.length) {
      const without = weights.slice(0, left).map(([policy]) => policy);
      const table = new CompiledTable(repository.compileInput(set, new Set(without)));
      set.changed.clear();
      try {
        await inSlices(table.build({ rows: limits.table }));
        return { table, without };
      } catch (error) {
        // What denies cannot be left out.
        if (!isMembraneError(error, 'E_POLICY_TOO_LARGE') || !onlyAllows) throw error;
      }
    }
  }

  async #write(table: CompiledTable): Promise<WrittenTable> {
    // Not swept while it is being written.
    const written: WrittenTable = { id: policyTableNumber(this.#serials.fresh(), table), table, uses: 1 };
    this.#written.set(written.id, written);
    try {
      await this.#sets.write([written], async () => await this.#o.tables.write(written.id, table));
      return written;
    } finally {
      written.uses -= 1;
    }
  }

  #adopted(set: RuleSet, table: CompiledTable): WrittenTable | undefined {
    for (const id of this.#offers.get(set) ?? []) {
      const found = this.#written.get(id);
      if (found === undefined || !suits(id, table) || !table.renumber(found.table)) continue;
      this.#o.tables.adopt(id, table);
      found.table = table;
      return found;
    }
    return undefined;
  }

  async #extend(built: Built): Promise<void> {
    const { set, written } = built;
    if (set.changed.size === 0) return;
    if (built.state === 'refused') {
      // Who left may make it fit.
      set.changed.clear();
      this.#turn(built, 'waiting');
      return;
    }
    if (built.state !== 'ready' || !(written?.table instanceof CompiledTable)) return;
    const { table } = written;
    const changed = Array.from(set.changed);
    set.changed.clear();
    const peers = await inSlices(table.regroup(changed));
    if (table.size > this.#o.limits.table) {
      this.#turn(built, 'waiting');
      return;
    }
    try {
      this.#checkShare(built, table.size);
      await this.#o.tables.extend(written.id, peers);
      built.size = table.size;
      if (built.without.length === 0) this.#say(built, undefined);
      this.#refusals.accept(set);
    } catch (error) {
      const problem = refusal(set, error);
      this.#say(built, problem);
      this.#refuse(set, problem, error);
      for (const [peer, group] of peers) if (group !== 0) set.changed.add(peer);
    }
  }

  #say(built: Built, problem: MembraneError | undefined): void {
    if (built.problem === problem) return;
    built.problem = problem;
    this.#turned.add(built.set);
  }

  #refuse(set: RuleSet, problem: MembraneError, error: unknown): void {
    // Room is counted before anything is written: of a map that is full in our own books no system call is the cause.
    const isShort = isMembraneError(error, 'E_DATAPATH_MAP_FULL') && error.cause !== undefined;
    if (isShort) this.#refusals.refuseForNow(set, problem);
    else this.#refusals.refuse(set, problem);
  }

  /** Throws E_PLANE_POLICY_SHARE when the set's namespace would have more than its share. */
  #checkShare(built: Built, size: number): void {
    const { namespace } = built.set;
    if (namespace === undefined || size <= built.size) return;
    const check = (who: string, limit: number, isOwn: (other: string) => boolean): void => {
      const others = this.#built
        .values()
        .filter((other) => other !== built && other.set.namespace !== undefined && isOwn(other.set.namespace))
        .filter((other) => this.#wanted.has(other.set))
        .reduce((sum, other) => sum + other.size, 0);
      if (others + size <= limit) return;
      const detail = `${who}: ${others} of ${limit} rows and peers are in use, ${size} more are needed`;
      throw planeErrors.make('E_PLANE_POLICY_SHARE', { detail });
    };
    check(`namespace ${namespace}`, this.#o.limits.namespace, (other) => other === namespace);
    const { shareOf } = this.#o;
    const share = shareOf(namespace);
    if (share === undefined) return;
    check(`tenant ${share.tenant}`, share.limit, (other) => shareOf(other)?.tenant === share.tenant);
  }
}

function tooLarge(policies: readonly string[], limit: number): MembraneError {
  const detail = `${policies.join(', ')} would make more than ${limit} rows and peers of one pod's table: its pods are isolated, and its rules admit nobody`;
  return planeErrors.make('E_PLANE_POLICY_LARGE', { detail });
}

function refusal(set: RuleSet, error: unknown): MembraneError {
  if (isMembraneError(error, 'E_PLANE_POLICY_SHARE')) return error;
  if (isMembraneError(error, 'E_POLICY_TOO_LARGE')) {
    return planeErrors.make('E_PLANE_POLICY_LARGE', { detail: errorMessage(error) });
  }
  if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) throw error;
  return planeErrors.make('E_PLANE_POLICY_FULL', { detail: `${set.direction}; ${errorMessage(error)}`, cause: error });
}
