import { type Clock, Signal, systemClock } from '../base/index.ts';
import { type IdentityId, type PodIdentity, type Workload, workloadKey } from '../model/index.ts';
import { Table } from '../table/index.ts';
import { identityErrors } from './errors.ts';
import type { IdentityNumbers } from './identity-numbers.ts';
import {
  type IdentityChanges,
  type IdentityRecord,
  type IdentitySnapshot,
  readSnapshot,
  recordOf,
  type SavedNumbers,
} from './identity-records.ts';
import { NumberPool } from './number-pool.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';

export type AllocatorOptions = {
  readonly clock?: Pick<Clock, 'now'>;
  /** How long a number without users stays with its workload before another may get it, in ms. Default 10 minutes. */
  readonly grace?: number;
  /** Default `CLUSTER_RANGE`. */
  readonly range?: IdentityRange;
  /** Part of the range that the workloads of one namespace may hold, used or resting; above 0 to 1, the default. */
  readonly namespaceShare?: number;
};

const NONE: ReadonlySet<IdentityId> = new Set();

type Held = { readonly identity: PodIdentity; readonly key: string; users: number; unusedSince: number };
/** What one namespace holds; `resting`: without users, longest unused first. */
type Holding = { held: number; readonly resting: Set<Held> };

/**
 * Numbers that one node gives by itself, where there is no API to share them through: one number per distinct workload,
 * counted users, reuse after a grace period, or before when none is free. One namespace holds a share of them at most, so that pods of others find one, however often its own are
 * relabelled.
 *
 * @public For tests and tools that have no API.
 */
export class IdentityAllocator implements IdentityNumbers, SavedNumbers {
  readonly synced = true;
  /** Never: every answer is given at once. */
  readonly changed = new Signal();
  readonly #clock: Pick<Clock, 'now'>;
  readonly #grace: number;
  readonly #range: IdentityRange;
  readonly known = new Table<PodIdentity>(({ id }) => String(id));
  readonly #byKey = new Map<string, Held>();
  readonly #byId = new Map<IdentityId, Held>();
  /** Without users, longest unused first. */
  readonly #unused = new Set<Held>();
  readonly #byNamespace = new Map<string, Holding>();
  readonly #mostHeld: number;
  #changes = new Map<IdentityId, IdentityRecord | undefined>();
  /** Who found no number while some rest. */
  #asked: { readonly namespace: string; readonly anyones: boolean }[] = [];
  /** Mean nobody any more, but the kernel may not have heard of it. */
  #leaving: Held[] = [];
  #pool: NumberPool;

  constructor(options: AllocatorOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#grace = options.grace ?? 600_000;
    this.#range = options.range ?? CLUSTER_RANGE;
    this.#pool = new NumberPool(this.#range);
    const { namespaceShare: share = 1 } = options;
    this.#mostHeld = share < 1 ? Math.max(1, Math.floor(this.#pool.size * share)) : Number.POSITIVE_INFINITY;
  }

  /** Nobody else gives numbers. */
  follow(): ReadonlySet<IdentityId> {
    return NONE;
  }

  /**
   * The identity of a workload (as `LabelFilter.reduce` gives it), with one more user. E_IDENTITY_RESTING: none is free
   * yet, one that rests becomes so by the next `settle`. That, E_IDENTITY_SHARE and E_IDENTITY_EXHAUSTED leave
   * everything as it was.
   */
  acquire(workload: Workload): PodIdentity {
    const key = workloadKey(workload);
    const held = this.#byKey.get(key) ?? this.#create(workload, key);
    held.users += 1;
    this.#unused.delete(held);
    this.#holding(held).resting.delete(held);
    return held.identity;
  }

  /** One user less. The identity stays known until `expire` returns it. */
  release(id: IdentityId): void {
    const held = this.#byId.get(id);
    if (held === undefined || held.users === 0) {
      throw identityErrors.make('E_IDENTITY_UNKNOWN', { detail: `release of identity ${id}` });
    }
    held.users -= 1;
    if (held.users > 0) return;
    held.unusedSince = this.#clock.now();
    this.#rest(held);
  }

  /**
   * Forgets what has been unused for the whole grace period, and of what rests as much as was asked for. The caller
   * removes these from policy and from the kernel; until it says so by `settle` they are returned again.
   */
  expire(): PodIdentity[] {
    const now = this.#clock.now();
    for (const held of this.#unused) {
      if (now - held.unusedSince < this.#grace) break;
      this.#forget(held);
    }
    for (const { namespace, anyones } of this.#asked) {
      const own = this.#byNamespace.get(namespace)?.resting ?? new Set<Held>();
      const [longest] = own.size > 0 || !anyones ? own : this.#mostResting();
      if (longest !== undefined) this.#forget(longest);
    }
    this.#asked = [];
    return this.#leaving.map(({ identity }) => identity);
  }

  /** Nothing in the kernel means what `expire` returned: the numbers are free. True when there were any. */
  settle(): boolean {
    const free = this.#leaving;
    this.#leaving = [];
    for (const held of free) {
      const { id, workload } = held.identity;
      this.#pool.free(id);
      this.#changes.set(id, undefined);
      const holding = this.#holding(held);
      holding.held -= 1;
      if (holding.held === 0) this.#byNamespace.delete(workload.namespace);
    }
    return free.length > 0;
  }

  get(id: IdentityId): PodIdentity | undefined {
    return this.#byId.get(id)?.identity;
  }

  /** 0 for an identity that is only kept for its grace period. */
  users(id: IdentityId): number {
    return this.#byId.get(id)?.users ?? 0;
  }

  /** All that are known, used or not. */
  identities(): PodIdentity[] {
    return Array.from(this.#byId.values(), ({ identity }) => identity);
  }

  /** Where the search for the next number begins. */
  get next(): number {
    return this.#pool.next;
  }

  snapshot(): IdentitySnapshot {
    const identities = this.identities().toSorted((a, b) => a.id - b.id);
    return { next: this.#pool.next, identities: identities.map(recordOf) };
  }

  /** What became of numbers since `saved` was called last. */
  get changes(): IdentityChanges {
    return this.#changes;
  }

  /** `changes` are where they survive a restart. */
  saved(): void {
    this.#changes = new Map();
  }

  /**
   * Into an empty allocator: every identity of the snapshot keeps its number, without users, for a grace period from
   * now. E_IDENTITY_SNAPSHOT when it is not a snapshot or contradicts itself; the allocator is then still empty.
   */
  restore(snapshot: unknown): void {
    const { next, identities } = readSnapshot(snapshot);
    if (this.#byId.size > 0)
      throw identityErrors.make('E_IDENTITY_SNAPSHOT', { detail: 'identities are in use already' });
    const pool = new NumberPool(this.#range, next);
    const restored = new Map<string, Held>();
    for (const identity of identities) {
      const { id, workload } = identity;
      const key = workloadKey(workload);
      if (!pool.claim(id) || restored.has(key)) {
        throw identityErrors.make('E_IDENTITY_SNAPSHOT', { detail: `identity ${id} is out of range or there twice` });
      }
      restored.set(key, this.#held(identity, key));
    }
    this.#pool = pool;
    for (const held of restored.values()) {
      this.#add(held);
      this.#rest(held);
    }
  }

  #create(workload: Workload, key: string): Held {
    const { namespace } = workload;
    const own = this.#byNamespace.get(namespace);
    if (own !== undefined && own.held >= this.#mostHeld) {
      this.#ask(namespace, false);
      throw identityErrors.make('E_IDENTITY_SHARE', {
        detail: `namespace ${JSON.stringify(namespace)} uses ${own.held} numbers, which is all that one namespace may have`,
      });
    }
    const id = this.#pool.take();
    if (id === undefined) {
      this.#ask(namespace, true);
      throw identityErrors.make('E_IDENTITY_EXHAUSTED', {
        detail: `all ${this.#pool.size} are in use; asked for a pod of namespace ${JSON.stringify(namespace)}`,
      });
    }
    const held = this.#add(this.#held({ kind: 'pod', id, workload }, key));
    this.#changes.set(id, recordOf(held.identity));
    return held;
  }

  /** Throws when something rests that can be taken back: the last moment at which that is no refusal. */
  #ask(namespace: string, anyones: boolean): void {
    const own = this.#byNamespace.get(namespace)?.resting.size ?? 0;
    const resting = anyones ? this.#unused.size : own;
    const waiting = this.#asked.filter((asked) => anyones || asked.namespace === namespace).length;
    const leaving = this.#leaving.filter(({ identity }) => anyones || identity.workload.namespace === namespace).length;
    if (resting + leaving <= waiting) return;
    this.#asked.push({ namespace, anyones });
    throw identityErrors.make('E_IDENTITY_RESTING', { detail: `a pod of namespace ${JSON.stringify(namespace)}` });
  }

  #held(identity: PodIdentity, key: string): Held {
    return { identity, key, users: 0, unusedSince: this.#clock.now() };
  }

  #add(held: Held): Held {
    this.#byKey.set(held.key, held);
    this.#byId.set(held.identity.id, held);
    this.known.set(held.identity);
    this.#holding(held).held += 1;
    return held;
  }

  #rest(held: Held): void {
    this.#unused.add(held);
    this.#holding(held).resting.add(held);
  }

  #forget(held: Held): void {
    this.#unused.delete(held);
    this.#holding(held).resting.delete(held);
    this.#byKey.delete(held.key);
    this.#byId.delete(held.identity.id);
    this.known.delete(String(held.identity.id));
    this.#leaving.push(held);
  }

  #holding({ identity }: Held): Holding {
    const { namespace } = identity.workload;
    const holding = this.#byNamespace.get(namespace) ?? { held: 0, resting: new Set() };
    this.#byNamespace.set(namespace, holding);
    return holding;
  }

  /** Of whoever lets most rest: only its own churn can have made them so many. */
  #mostResting(): ReadonlySet<Held> {
    let most: ReadonlySet<Held> = new Set();
    for (const { resting } of this.#byNamespace.values()) if (resting.size > most.size) most = resting;
    return most;
  }
}
