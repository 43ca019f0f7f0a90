import { type Clock, errorMessage, isMembraneError, type Logger, type Steps } from '../../base/index.ts';
import type { ObjectProblems, PrefixLimits } from '../../cluster/index.ts';
import type { PolicyEntry, PolicyKey, PolicyObject } from '../../model/index.ts';
import { entryPrefixes, type PolicyKind, type PolicyRepository, peerTerms, readPolicy } from '../../policy/index.ts';
import type { ReadonlyTable, TableReader } from '../../table/index.ts';
import { planeErrors } from '../errors.ts';
import { NamespaceRoom } from './namespace-room.ts';
import { eventProblem, policyEventSubject, stagedEvent } from './policy-events.ts';
import { StagedPolicies } from './staged-policies.ts';

/** Why a policy is not in force as it is written. What it isolates is isolated all the same. */
export type PolicyProblem = {
  /** `unreadable`: it says something that is not understood. `no-room`: its prefixes or selectors do not fit. */
  readonly kind: 'unreadable' | 'no-room';
  /** What that is, and what follows. */
  readonly text: string;
};

export type PolicyFollowerOptions = {
  readonly intent: ReadonlyTable<PolicyObject, PolicyKey>;
  readonly repository: PolicyRepository;
  readonly kinds?: readonly PolicyKind[];
  readonly limits: PrefixLimits;
  /** Of one namespace: selectors of peers, and the values in them. */
  readonly selectors: number;
  /** Told of a policy whenever what is wrong with it changes and is not nothing. */
  readonly problems: ObjectProblems;
  readonly clock: Clock;
  readonly log: Logger;
};

/** So often `follow` lets others have turns while it takes up what has come. */
const YIELDING_ROUNDS = 3;

/**
 * Brings policies of all kinds into the repository, always as they are now: a rule that cannot be read, or whose peers do not
 * fit, admits nobody, and everything else of the policy holds. Nothing that a policy was before goes on, so a
 * restart changes nothing. One that is staged is kept beside them, and is nowhere where anything is decided.
 */
export class PolicyFollower {
  readonly staged = new StagedPolicies();
  readonly #o: PolicyFollowerOptions;
  readonly #reader: TableReader<PolicyKey>;
  readonly #room: { readonly prefixes: NamespaceRoom; readonly selectors: NamespaceRoom };
  readonly #problems = new Map<PolicyKey, readonly PolicyProblem[]>();
  readonly #takenUp = new Map<PolicyKey, number>();
  /** Of each who tells of changes. */
  readonly #changes: Set<PolicyKey>[] = [];
  /** Of which object they were told. */
  readonly #told = new Map<PolicyKey, string>();
  /** Policies that have no room, and whether they may have it by now. */
  readonly #starved = new Map<PolicyKey, () => boolean>();

  constructor(options: PolicyFollowerOptions) {
    this.#o = options;
    this.#reader = options.intent.reader();
    this.#room = {
      prefixes: new NamespaceRoom(options.limits.ofNamespace),
      selectors: new NamespaceRoom(options.selectors),
    };
  }

  get problems(): ReadonlyMap<PolicyKey, readonly PolicyProblem[]> {
    return this.#problems;
  }

  /**
   * Takes up what came, went or changed, and what has the room by now that it had not. Yields after each policy; nothing
   * is left when it returns, so that a pod that is read then is not newer than a policy that was there before it.
   */
  *follow(): Steps<{ readonly changed: number }> {
    const taken = new Set<PolicyKey>();
    for (let round = 1; ; round += 1) {
      const keys = this.#reader.drain();
      if (keys.size === 0) break;
      for (const key of keys) {
        this.#followOne(key);
        taken.add(key);
        // Whoever writes faster than this reads must not keep it from coming to its end.
        if (round <= YIELDING_ROUNDS) yield;
      }
    }
    let served = 0;
    for (const [key, fits] of this.#starved) {
      if (taken.has(key) || !fits()) continue;
      this.#followOne(key);
      served += 1;
    }
    return { changed: taken.size + served };
  }

  /** From now on: a function that gives what was read or went since it was last called. Without one nothing is kept. */
  followChanges(): () => ReadonlySet<PolicyKey> {
    const changes = new Set<PolicyKey>();
    this.#changes.push(changes);
    return () => {
      const taken = new Set(changes);
      changes.clear();
      return taken;
    };
  }

  /** When it was last read, milliseconds since the epoch. */
  takenUpAt(key: PolicyKey): number | undefined {
    return this.#takenUp.get(key);
  }

  #free(): number {
    return this.#o.limits.total - this.#o.repository.cidrs.size;
  }

  #followOne(key: PolicyKey): void {
    const { intent, kinds } = this.#o;
    this.#starved.delete(key);
    for (const changes of this.#changes) changes.add(key);
    const row = intent.get(key);
    this.staged.delete(key);
    if (row === undefined) {
      this.#takenUp.delete(key);
      this.#withdraw(key);
      this.#forget(key);
      return;
    }
    this.#takenUp.set(key, this.#o.clock.now());
    const { entries, problems, staged, isMirror } = readPolicy(row, kinds);
    if (isMirror) {
      this.#withdraw(key);
      this.#forget(key);
      return;
    }
    if (staged !== undefined) {
      this.#withdraw(key);
      this.staged.set(key, staged);
      this.#tellStaged(key, row, problems);
      return;
    }
    const said: PolicyProblem[] = problems.length === 0 ? [] : [{ kind: 'unreadable', text: problems.join('; ') }];
    const { admitted, lacking } = this.#admitSelectors(key, row, entries);
    const lackingToo = this.#install(key, row, admitted);
    for (const text of [lacking, lackingToo]) if (text !== undefined) said.push({ kind: 'no-room', text });
    this.#tell(key, row, said);
  }

  /**
   * Each selector costs memory with every pod that it selects, and time with every pod that comes, on every node with a
   * pod of the policy.
   */
  #admitSelectors(
    key: PolicyKey,
    { namespace }: PolicyObject,
    entries: readonly PolicyEntry[],
  ): { readonly admitted: readonly PolicyEntry[]; readonly lacking?: string } {
    const room = this.#room.selectors;
    const wanted = peerTerms(entries);
    if (room.take(key, namespace, wanted)) return { admitted: entries };
    this.#starved.set(key, () => wanted <= room.free(namespace));
    const detail = `${wanted} selectors and values: the namespace may have ${room.limit}, ${room.free(namespace)} are left; rules that select pods admit nobody`;
    return {
      admitted: entries.map((entry) => closedIf(peerTerms([entry]) > 0, entry)),
      lacking: planeErrors.make('E_PLANE_SELECTORS_FULL', { detail }).message,
    };
  }

  /** Why the prefixes are not in force; undefined: they are. */
  #install(key: PolicyKey, row: PolicyObject, entries: readonly PolicyEntry[]): string | undefined {
    const { repository, limits } = this.#o;
    const room = this.#room.prefixes;
    const wanted = new Set(entries.flatMap(entryPrefixes).map(String)).size;
    const close = (lacking: string): string => {
      repository.upsertPolicy(
        key,
        entries.map((entry) => closedIf(entryPrefixes(entry).length > 0, entry)),
      );
      room.give(key);
      const fitsOtherwise = this.#starved.get(key);
      const fits = () => wanted <= room.free(row.namespace) && wanted <= this.#free();
      this.#starved.set(key, () => fits() || fitsOtherwise?.() === true);
      const detail = `${wanted} prefixes: ${lacking}; rules with an ipBlock admit nobody`;
      return planeErrors.make('E_PLANE_PREFIXES_FULL', { detail }).message;
    };
    if (!room.take(key, row.namespace, wanted)) {
      return close(`the namespace may have ${room.limit}, ${room.free(row.namespace)} are left`);
    }
    try {
      repository.upsertPolicy(key, entries);
    } catch (error) {
      if (!isMembraneError(error, 'E_IDENTITY_EXHAUSTED')) throw error;
      return close(errorMessage(error));
    }
    return wanted > 0 && this.#free() < 0 ? close(`the node has room for ${limits.total} of all policies`) : undefined;
  }

  /** Nothing of it is in force, or has room. */
  #withdraw(key: PolicyKey): void {
    this.#o.repository.deletePolicy(key);
    this.#room.prefixes.give(key);
    this.#room.selectors.give(key);
  }

  #forget(key: PolicyKey): void {
    this.#problems.delete(key);
    this.#told.delete(key);
  }

  #tellStaged(key: PolicyKey, row: PolicyObject, problems: readonly string[]): void {
    this.#problems.delete(key);
    const event = stagedEvent(problems);
    const now = `${row.uid} ${event.message}`;
    if (this.#told.get(key) === now) return;
    this.#told.set(key, now);
    this.#o.problems.report(policyEventSubject(row, this.#o.kinds), [event]);
  }

  #tell(key: PolicyKey, row: PolicyObject, problems: readonly PolicyProblem[]): void {
    const before = this.#told.get(key) ?? '';
    const now = problems.length === 0 ? '' : `${row.uid} ${textOf(problems)}`;
    if (now === before) return;
    if (problems.length === 0) this.#forget(key);
    else {
      this.#problems.set(key, problems);
      this.#told.set(key, now);
      this.#o.log.warn({ policy: key, problems }, 'policy is not in force as it is written');
    }
    this.#o.problems.report(policyEventSubject(row, this.#o.kinds), problems.map(eventProblem));
  }
}

export function textOf(problems: readonly PolicyProblem[]): string {
  return problems.map(({ text }) => text).join('; ');
}

/** A rule that names a peer that does not fit admits nobody, as one that cannot be read. */
function closedIf(exceeds: boolean, entry: PolicyEntry): PolicyEntry {
  return exceeds ? { ...entry, peers: [], ports: 'any', closed: 'no-room' } : entry;
}
