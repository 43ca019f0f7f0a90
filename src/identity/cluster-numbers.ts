import { type Clock, errorMessage, isMembraneError, Signal, systemClock } from '../base/index.ts';
import {
  type IdentityId,
  type IdentityObject,
  identityId,
  type PodIdentity,
  type Workload,
  workloadKey,
} from '../model/index.ts';
import { Table, type TableReader } from '../table/index.ts';
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
import { isFor, isOf, isStanding } from './placement.ts';
import type { Placements } from './placements.ts';
import { probes } from './probes.ts';
import { CLUSTER_RANGE } from './reserved.ts';

const SIZE = CLUSTER_RANGE.last - CLUSTER_RANGE.first + 1;

export type ClusterNumbersOptions = {
  readonly placements: Placements;
  readonly clock?: Pick<Clock, 'now'>;
  /** How long a number that this node has alone stays without users before it is given back, in ms. Default 10 minutes. */
  readonly grace?: number;
  /** Part of all numbers that the workloads of one namespace may hold; above 0 to 1, the default. */
  readonly namespaceShare?: number;
};

type Held = {
  readonly identity: PodIdentity;
  readonly key: string;
  users: number;
  unusedSince: number;
  /** This node may use it, whatever the watch shows until it brings news of it. */
  isNew: boolean;
};

type Returned = { readonly held: Held; readonly object: IdentityObject; isGone: boolean };

/**
 * The cluster's numbers, as this node knows them: `objects` says who each stands for, and follows the API. What it says
 * needs no request; for a workload that it does not know, `placements` asks. What stands there is one moment of the
 * server, in which a workload's number is found as everybody finds it (`placement.ts`).
 */
export class ClusterNumbers implements IdentityNumbers, SavedNumbers {
  /** Written by whoever follows the API. */
  readonly objects = new Table<IdentityObject>(({ name }) => name);
  readonly changed = new Signal();
  readonly #placements: Placements;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #grace: number;
  readonly #reader: TableReader;
  readonly #mostHeld: number;
  readonly known = new Table<PodIdentity>(({ id }) => String(id));
  readonly #known = new Map<IdentityId, Held>();
  /** Of those that have users. */
  readonly #usedByKey = new Map<string, Held>();
  readonly #namespaces = new Map<string, number>();
  /** In use, and the API does not say so (any more): to be asked for again. */
  readonly #doubted = new Set<Held>();
  /** This node has them alone, and nobody here uses them; longest unused first. */
  readonly #resting = new Set<Held>();
  /** Namespaces that have no number left, and for how many of their pods. */
  readonly #needy = new Map<string, number>();
  /** Given back: to be deleted as soon as they have left the kernel, or deleted and still shown. */
  readonly #returned = new Map<IdentityId, Returned>();
  /** Mean nobody any more, but the kernel may not have heard of it. */
  readonly #leaving = new Map<IdentityId, Held>();
  #lost = new Set<IdentityId>();
  #changes = new Map<IdentityId, IdentityRecord | undefined>();

  constructor(options: ClusterNumbersOptions) {
    const { placements, clock = systemClock, grace = 600_000, namespaceShare: share = 1 } = options;
    this.#clock = clock;
    this.#grace = grace;
    this.#placements = placements;
    this.#reader = this.objects.reader();
    this.#mostHeld = share < 1 ? Math.max(1, Math.floor(SIZE * share)) : Number.POSITIVE_INFINITY;
    for (const signal of [placements.changed, this.objects.changed]) signal.listen(() => this.changed.emit());
  }

  get synced(): boolean {
    return this.objects.synced;
  }

  follow(): ReadonlySet<IdentityId> {
    for (const { object, isGone } of this.#placements.takeRemovals()) this.#removed(object, isGone);
    for (const name of this.#reader.drain()) this.#look(name);
    for (const { id, key, workload } of this.#placements.take()) this.#answer(id, key, workload);
    for (const { key, identity } of this.#doubted) this.#placements.ask(key, identity.workload);
    const lost = this.#lost;
    this.#lost = new Set();
    return lost;
  }

  acquire(workload: Workload, isOwn: boolean): PodIdentity {
    const key = workloadKey(workload);
    const held = this.#usedByKey.get(key) ?? this.#find(key, isOwn) ?? this.#ask(key, workload, isOwn);
    held.users += 1;
    this.#resting.delete(held);
    this.#usedByKey.set(key, held);
    return held.identity;
  }

  release(id: IdentityId): void {
    const held = this.#leaving.get(id) ?? this.#known.get(id);
    if (held === undefined || held.users === 0) {
      throw identityErrors.make('E_IDENTITY_UNKNOWN', { detail: `release of identity ${id}` });
    }
    held.users -= 1;
    if (held.users > 0) return;
    if (this.#usedByKey.get(held.key) === held) this.#usedByKey.delete(held.key);
    if (this.#doubted.delete(held)) this.#placements.forget(held.key);
    if (this.#known.get(id) !== held) return;
    held.unusedSince = this.#clock.now();
    if (!held.isNew && this.#object(id) === undefined) this.#forget(held);
    else this.#rest(held);
  }

  expire(): PodIdentity[] {
    const now = this.#clock.now();
    for (const held of this.#resting) {
      if (now - held.unusedSince < this.#grace) break;
      this.#giveBack(held);
    }
    for (const [namespace, count] of this.#needy)
      this.#restingOf(namespace)
        .slice(0, count)
        .forEach((held) => this.#giveBack(held));
    this.#needy.clear();
    return Array.from(this.#leaving.values(), ({ identity }) => identity);
  }

  settle(): boolean {
    const settled = this.#leaving.size > 0;
    for (const id of this.#leaving.keys()) {
      this.#changes.set(id, undefined);
      const returned = this.#returned.get(id);
      if (returned?.isGone === false) this.#placements.remove(returned.object);
    }
    // Who has the number now is taken in by the next pass.
    this.#reader.touch(Array.from(this.#leaving.keys(), String));
    this.#leaving.clear();
    if (settled) this.changed.emit();
    return settled;
  }

  get(id: IdentityId): PodIdentity | undefined {
    return this.#known.get(id)?.identity;
  }

  users(id: IdentityId): number {
    return this.#known.get(id)?.users ?? 0;
  }

  identities(): PodIdentity[] {
    return Array.from(this.#known.values(), ({ identity }) => identity);
  }

  /** All that are known: what numbers in the kernel mean. */
  snapshot(): IdentitySnapshot {
    return { next: 0, identities: this.identities().map(recordOf) };
  }

  /** The next one comes from the API. */
  readonly next = 0;

  /** What became of numbers since `saved` was called last. */
  get changes(): IdentityChanges {
    return this.#changes;
  }

  saved(): void {
    this.#changes = new Map();
  }

  /** What numbers meant to an earlier life, until the API says what they mean now. E_IDENTITY_SNAPSHOT. */
  restore(snapshot: unknown): void {
    for (const identity of readSnapshot(snapshot).identities) {
      this.#add(identity);
      this.#reader.touch([String(identity.id)]);
    }
    this.#changes = new Map();
  }

  /** What the API says of a number now. */
  #look(name: string): void {
    const id = identityId(Number(name));
    const object = this.#object(id);
    const known = this.#known.get(id);
    if (this.#leaving.has(id) || this.#isReturned(id, object)) return;
    if (object?.workload === undefined) {
      if (known === undefined) return;
      if (known.users > 0) this.#doubted.add(known);
      else if (!known.isNew) this.#forget(known);
    } else if (known === undefined) {
      this.#rest(this.#add({ kind: 'pod', id, workload: object.workload }));
    } else if (isOf(object, known.key)) {
      known.isNew = false;
      if (object.retiring && known.users > 0) this.#doubted.add(known);
      else this.#trust(known);
      this.#rest(known);
    } else if (known.isNew && known.users > 0) {
      // Of before it was placed, or of after it was lost.
      this.#doubted.add(known);
    } else this.#forget(known);
  }

  /** A number was asked for, and this is it. What cannot be taken in at once is asked for again by who waits. */
  #answer(id: IdentityId, key: string, workload: Workload): void {
    const used = this.#usedByKey.get(key);
    if (used !== undefined) {
      this.#trust(used);
      if (used.identity.id === id) {
        used.isNew = !this.#isShown(used);
        return;
      }
      this.#forget(used);
    }
    if (this.#leaving.has(id)) return;
    const known = this.#known.get(id);
    if (known === undefined) this.#add({ kind: 'pod', id, workload }).isNew = true;
    else if (known.key === key) known.isNew = true;
    else this.#forget(known);
  }

  #object(id: IdentityId): IdentityObject | undefined {
    return this.objects.get(String(id));
  }

  #isShown({ identity, key }: Held): boolean {
    const object = this.#object(identity.id);
    return object !== undefined && isOf(object, key);
  }

  /** Where the API showed it at one moment, behind others that were all there. */
  #find(key: string, isOwn: boolean): Held | undefined {
    for (const id of probes(key, CLUSTER_RANGE)) {
      const known = this.#known.get(id);
      const object = this.#object(id);
      if (known === undefined) return undefined;
      if (known.key === key) {
        const isUsable = known.isNew || object === undefined || isFor(object, this.#placements.node);
        return !isOwn || isUsable ? known : undefined;
      }
      if (isOwn && (object === undefined || !isStanding(object))) return undefined;
    }
    return undefined;
  }

  /** Throws. */
  #ask(key: string, workload: Workload, isOwn: boolean): never {
    const { namespace } = workload;
    const pod = `a pod of namespace ${JSON.stringify(namespace)}`;
    if (!isOwn) throw identityErrors.make('E_IDENTITY_ASKED', { detail: `${pod} on another node` });
    const held = this.#namespaces.get(namespace) ?? 0;
    for (const { held: leaving, isGone } of this.#returned.values()) {
      if (leaving.key === key && !isGone) throw identityErrors.make('E_IDENTITY_RESTING', { detail: pod });
    }
    if (held >= this.#mostHeld) {
      this.#need(namespace, pod);
      throw identityErrors.make('E_IDENTITY_SHARE', {
        detail: `namespace ${JSON.stringify(namespace)} has ${held} numbers, which is all that one namespace may have`,
      });
    }
    if (this.#known.size >= SIZE)
      throw identityErrors.make('E_IDENTITY_EXHAUSTED', { detail: `all ${SIZE}, for ${pod}` });
    this.#placements.ask(key, workload);
    const failure = this.#placements.failure(key);
    if (isMembraneError(failure, 'E_IDENTITY_EXHAUSTED')) throw failure;
    const detail = failure === undefined ? pod : errorMessage(failure);
    throw identityErrors.make('E_IDENTITY_ASKED', { detail });
  }

  #add(identity: PodIdentity): Held {
    const held: Held = {
      identity,
      key: workloadKey(identity.workload),
      users: 0,
      unusedSince: this.#clock.now(),
      isNew: false,
    };
    this.#known.set(identity.id, held);
    this.known.set(identity);
    this.#changes.set(identity.id, recordOf(identity));
    this.#count(identity, 1);
    return held;
  }

  /** Throws when one that rests can be given back for it. */
  #need(namespace: string, pod: string): void {
    const asked = this.#needy.get(namespace) ?? 0;
    const returned = this.#returned.values().filter(({ held, isGone }) => !isGone && namespaceOf(held) === namespace);
    if (this.#restingOf(namespace).length + returned.toArray().length <= asked) return;
    this.#needy.set(namespace, asked + 1);
    throw identityErrors.make('E_IDENTITY_RESTING', { detail: pod });
  }

  #restingOf(namespace: string): Held[] {
    return Array.from(this.#resting).filter((held) => namespaceOf(held) === namespace);
  }

  #rest(held: Held): void {
    const isAlone = this.#object(held.identity.id)?.heldBy === this.#placements.node;
    if (held.users === 0 && isAlone) this.#resting.add(held);
    else this.#resting.delete(held);
  }

  /** Its object goes when the kernel knows it no more. Not while it is being asked for. */
  #giveBack(held: Held): void {
    const { id } = held.identity;
    const object = this.#object(id);
    if (object === undefined || this.#placements.isAsked(held.key)) return;
    this.#forget(held);
    this.#count(held.identity, 1);
    this.#returned.set(id, { held, object, isGone: false });
  }

  #removed({ id }: IdentityObject, isGone: boolean): void {
    const returned = this.#returned.get(id);
    if (returned === undefined) return;
    this.#count(returned.held.identity, -1);
    if (isGone) returned.isGone = true;
    else this.#returned.delete(id);
    this.#reader.touch([String(id)]);
  }

  /** What is shown of it is still what was given back. */
  #isReturned(id: IdentityId, object: IdentityObject | undefined): boolean {
    const returned = this.#returned.get(id);
    if (returned === undefined) return false;
    if (!returned.isGone || object?.uid === returned.object.uid) return true;
    this.#returned.delete(id);
    return false;
  }

  #trust(held: Held): void {
    if (this.#doubted.delete(held)) this.#placements.forget(held.key);
  }

  #forget(held: Held): void {
    const { identity, key } = held;
    this.#trust(held);
    this.#resting.delete(held);
    this.#known.delete(identity.id);
    this.known.delete(String(identity.id));
    if (this.#usedByKey.get(key) === held) this.#usedByKey.delete(key);
    this.#leaving.set(identity.id, held);
    if (held.users > 0) this.#lost.add(identity.id);
    this.#count(identity, -1);
  }

  #count({ workload: { namespace } }: PodIdentity, by: number): void {
    const count = (this.#namespaces.get(namespace) ?? 0) + by;
    if (count > 0) this.#namespaces.set(namespace, count);
    else this.#namespaces.delete(namespace);
  }
}

const namespaceOf = ({ identity }: Held): string => identity.workload.namespace;
