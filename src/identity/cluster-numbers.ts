import { errorMessage, isMembraneError, Signal } from '../base/index.ts';
import {
  type IdentityId,
  type IdentityObject,
  identityId,
  type PodIdentity,
  type TenantShareOf,
  type Workload,
  workloadKey,
} from '../model/index.ts';
import { Table, type TableReader } from '../table/index.ts';
import { identityErrors } from './errors.ts';
import {
  type IdentityChanges,
  type IdentityRecord,
  type IdentitySnapshot,
  readSnapshot,
  recordOf,
  type SavedNumbers,
} from './identity-records.ts';
import { isOf } from './placement.ts';
import type { Placed, Placements } from './placements.ts';
import { probes } from './probes.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';

export type ClusterNumbersOptions = {
  readonly placements: Placements;
  /** Part of all numbers that the workloads of one namespace may hold; above 0 to 1, the default. */
  readonly namespaceShare?: number;
  /** That `placements` gives numbers of. */
  readonly range?: IdentityRange;
};

type Held = {
  readonly identity: PodIdentity;
  readonly key: string;
  users: number;
  /** This node may use it, whatever the watch shows until it brings news of it. */
  isNew: boolean;
};

/** The latest mark that was looked at, and how many placements had begun by then: these may not have seen it. */
type Marks = { readonly version: number; readonly begun: number };

/** Whom a number stood for on this node, and its object as it is now, after somebody edited it, or deleted it and it was made again. */
export type Turned = {
  readonly object: IdentityObject;
  readonly was: Workload;
  readonly how: 'edited' | 'deleted';
};

/** A number that pods of this node have and the API does not show as theirs; why it still does not, where something failed. */
export type Doubt = { readonly identity: PodIdentity; readonly failure: unknown };

/**
 * The cluster's numbers, as this node knows them: `objects` says who each stands for, and follows the API. What it says
 * needs no request; for a workload that it does not know, `placements` asks. What stands there is one moment of the
 * server, in which a workload's number is found as everybody finds it (`placement.ts`). One that is to be deleted is kept
 * by whoever uses it, and means nobody to all others: `heard` tells the collector that it does. A number means one workload
 * here until a pass has taken it out of everything (`expire`, `settle`), and another only after that.
 */
export class ClusterNumbers implements SavedNumbers {
  /** Written by whoever follows the API. */
  readonly objects = new Table<IdentityObject>(({ name }) => name);
  /** All that are known, used or not, by number in text; for who follows what becomes of them. */
  readonly known = new Table<PodIdentity>(({ id }) => String(id));
  /** There may be another answer now for who was told to wait, or something for `follow`. */
  readonly changed = new Signal();
  /** `heard` is another. */
  readonly heardMore = new Signal();
  readonly #placements: Placements;
  readonly #range: IdentityRange;
  readonly #reader: TableReader;
  readonly #mostHeld: number;
  #shareOf: TenantShareOf = () => undefined;
  readonly #known = new Map<IdentityId, Held>();
  /** Of those that have users. */
  readonly #usedByKey = new Map<string, Held>();
  /** Whose each number is that is known, or shown and to be deleted. */
  readonly #owners = new Map<IdentityId, string>();
  /** How many numbers each has. */
  readonly #namespaces = new Map<string, number>();
  /** In use, and the API does not say so (any more), or says that they are to go: to be asked for again. */
  readonly #doubted = new Set<Held>();
  /** Of these, those that the API showed before. */
  readonly #missed = new Set<Held>();
  /** Answered while the API shows that they are to go: whoever asked uses them in this pass, or nobody does. */
  readonly #late = new Set<Held>();
  /** Mean nobody any more, but the kernel may not have heard of it. */
  readonly #leaving = new Map<IdentityId, Held>();
  #lost = new Set<IdentityId>();
  #turned: Turned[] = [];
  #changes = new Map<IdentityId, IdentityRecord | undefined>();
  #marks: Marks = { version: 0, begun: 0 };
  #heard = 0;

  constructor(options: ClusterNumbersOptions) {
    const { placements, namespaceShare: share = 1, range = CLUSTER_RANGE } = options;
    this.#placements = placements;
    this.#range = range;
    this.#reader = this.objects.reader();
    this.#mostHeld = share < 1 ? Math.max(1, Math.floor(this.#size * share)) : Number.POSITIVE_INFINITY;
    for (const signal of [placements.changed, this.objects.changed]) signal.listen(() => this.changed.emit());
  }

  /** What namespaces may have together, beside what each may. */
  limitBy(shareOf: TenantShareOf): void {
    this.#shareOf = shareOf;
  }

  /** All numbers that there are. */
  get #size(): number {
    return this.#range.last - this.#range.first + 1;
  }

  /**
   * The resource version up to which it has heard which numbers are to be deleted, 0 before the first: those that still
   * are mean nobody on this node, and nobody here is about to use one.
   */
  get heard(): number {
    return this.#heard;
  }

  /** False: what numbers mean is not known yet; no decision before. */
  get synced(): boolean {
    return this.objects.synced;
  }

  /** Takes in what others have decided. Returns numbers that mean nobody any more: whoever has one asks anew. */
  follow(): ReadonlySet<IdentityId> {
    for (const name of this.#reader.drain()) this.#look(name);
    for (const answer of this.#placements.take()) this.#answer(answer);
    for (const { key, identity } of this.#doubted) this.#placements.ask(key, identity.workload);
    const lost = this.#lost;
    this.#lost = new Set();
    return lost;
  }

  /** What others can let through nowhere, since they know nobody of that number; it is asked for until it is there again. */
  doubts(): readonly Doubt[] {
    return Array.from(this.#doubted)
      .filter((held) => !this.#isShown(held))
      .map(({ identity, key }) => ({ identity, failure: this.#placements.failure(key) }));
  }

  /** Objects of numbers in use that somebody edited or deleted since this was asked last; nothing of ours does. */
  takeTurned(): readonly Turned[] {
    const turned = this.#turned;
    this.#turned = [];
    return turned;
  }

  /**
   * The identity of a workload of this node (as `LabelFilter.reduce` gives it), with one more user. E_IDENTITY_ASKED,
   * E_IDENTITY_UNANSWERED: not yet, ask again in the pass after `changed`; others: no. Either leaves everything as it was.
   */
  acquire(workload: Workload): PodIdentity {
    const key = workloadKey(workload);
    const held = this.#usedByKey.get(key) ?? this.#find(key) ?? this.#ask(key, workload);
    held.users += 1;
    if (this.#isMarked(held)) this.#doubted.add(held);
    this.#usedByKey.set(key, held);
    return held.identity;
  }

  /** One user less. The identity stays known until `expire` returns it. */
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
    const isGone = !held.isNew && this.#object(id) === undefined;
    if (isGone || this.#isMarked(held)) this.#forget(held);
  }

  /** What means nobody any more: to be removed from policy and from the kernel. Returned again until `settle`. */
  expire(): PodIdentity[] {
    for (const held of this.#late) {
      if (held.users === 0 && this.#known.get(held.identity.id) === held && this.#isMarked(held)) this.#forget(held);
    }
    this.#late.clear();
    return Array.from(this.#leaving.values(), ({ identity }) => identity);
  }

  /** Nothing in the kernel means what `expire` returned. True when there was something. */
  settle(): boolean {
    const settled = this.#leaving.size > 0;
    for (const id of this.#leaving.keys()) this.#changes.set(id, undefined);
    // Who has the number now is taken in by the next pass.
    this.#reader.touch(Array.from(this.#leaving.keys(), String));
    this.#leaving.clear();
    this.#hear();
    if (settled) this.changed.emit();
    return settled;
  }

  get(id: IdentityId): PodIdentity | undefined {
    return this.#known.get(id)?.identity;
  }

  /** 0 for an identity that is only known. */
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
    const version = Number(object?.retiring === true ? object.resourceVersion : 0);
    if (version > this.#marks.version) this.#marks = { version, begun: this.#placements.begun };
    if (!this.#leaving.has(id)) this.#take(id, object, known);
    this.#own(id);
  }

  #take(id: IdentityId, object: IdentityObject | undefined, known: Held | undefined): void {
    if (object?.workload === undefined) {
      if (known === undefined) return;
      if (known.users > 0) this.#doubt(known);
      else if (!known.isNew) this.#forget(known);
    } else if (known === undefined) {
      if (!object.retiring) this.#add({ kind: 'pod', id, workload: object.workload });
    } else if (isOf(object, known.key)) {
      known.isNew = false;
      if (this.#missed.delete(known)) this.#turned.push({ object, was: known.identity.workload, how: 'deleted' });
      if (!object.retiring) this.#trust(known);
      else if (known.users > 0) this.#doubted.add(known);
      else this.#forget(known);
    } else if (known.isNew && known.users > 0) {
      // Of before it was placed, or of after it was lost.
      this.#doubted.add(known);
    } else {
      if (known.users > 0) this.#turned.push({ object, was: known.identity.workload, how: 'edited' });
      this.#forget(known);
    }
  }

  /** A number was asked for, and this is it. What cannot be taken in at once is asked for again by who waits. */
  #answer({ id, key, workload, turn }: Placed): void {
    const used = this.#usedByKey.get(key);
    if (used !== undefined) {
      if (used.identity.id === id) {
        // An answer from before the mark says nothing of it.
        if (turn > this.#marks.begun || !this.#isMarked(used)) this.#trust(used);
        used.isNew = !this.#isShown(used);
        return;
      }
      this.#forget(used);
    }
    if (this.#leaving.has(id)) return;
    const known = this.#known.get(id);
    if (known !== undefined && known.key !== key) return this.#forget(known);
    const held = known ?? this.#add({ kind: 'pod', id, workload });
    held.isNew = true;
    if (this.#isMarked(held)) this.#late.add(held);
  }

  #object(id: IdentityId): IdentityObject | undefined {
    return this.objects.get(String(id));
  }

  #isShown({ identity, key }: Held): boolean {
    const object = this.#object(identity.id);
    return object !== undefined && isOf(object, key);
  }

  #hear(): void {
    const { version, begun } = this.#marks;
    if (version <= this.#heard || !this.#placements.areTaken(begun) || this.#isContested()) return;
    this.#heard = version;
    this.heardMore.emit();
  }

  /** The API shows that it is to be deleted. */
  #isMarked({ identity }: Held): boolean {
    return this.#object(identity.id)?.retiring === true;
  }

  /** Something here uses what is to be deleted, and has not kept it yet. */
  #isContested(): boolean {
    for (const held of this.#doubted) if (this.#isMarked(held)) return true;
    return false;
  }

  /** Where the API showed it at one moment, behind others that were all there. */
  #find(key: string): Held | undefined {
    for (const id of probes(key, this.#range)) {
      const known = this.#known.get(id);
      if (known === undefined) return undefined;
      const object = this.#object(id);
      const stands = object?.retiring === false;
      if (known.key === key) return known.isNew || object === undefined || stands ? known : undefined;
      if (!stands) return undefined;
    }
    return undefined;
  }

  /** Throws. */
  #ask(key: string, workload: Workload): never {
    const { namespace } = workload;
    const pod = `a pod of namespace ${JSON.stringify(namespace)}`;
    const held = this.#namespaces.get(namespace) ?? 0;
    if (held >= this.#mostHeld && !this.#isShownFor(key)) {
      throw identityErrors.make('E_IDENTITY_SHARE', {
        detail: `namespace ${JSON.stringify(namespace)} has ${held} numbers, which is all that one namespace may have`,
      });
    }
    this.#checkTenant(namespace, key);
    if (this.#owners.size >= this.#size && !this.#isShownFor(key))
      throw identityErrors.make('E_IDENTITY_EXHAUSTED', { detail: `all ${this.#size}, for ${pod}` });
    this.#placements.ask(key, workload);
    const failure = this.#placements.failure(key);
    if (isMembraneError(failure, 'E_IDENTITY_EXHAUSTED')) throw failure;
    if (failure === undefined) throw identityErrors.make('E_IDENTITY_ASKED', { detail: pod });
    throw identityErrors.make('E_IDENTITY_UNANSWERED', { detail: `${pod}: ${errorMessage(failure)}` });
  }

  /** Throws E_IDENTITY_SHARE when the namespaces of its tenant have all that they may together. */
  #checkTenant(namespace: string, key: string): void {
    const share = this.#shareOf(namespace);
    if (share === undefined) return;
    const held = this.#namespaces
      .entries()
      .filter(([own]) => this.#shareOf(own)?.tenant === share.tenant)
      .reduce((sum, [, count]) => sum + count, 0);
    // Of those that wait for an answer nobody knows yet that they have a number: many may be new at once.
    const others = new Set<string>();
    for (const { key: other, workload } of this.#placements.pending()) {
      if (other === key || this.#usedByKey.has(other)) continue;
      if (this.#shareOf(workload.namespace)?.tenant === share.tenant) others.add(other);
    }
    if (held + others.size < share.limit || this.#isShownFor(key)) return;
    throw identityErrors.make('E_IDENTITY_SHARE', {
      detail: `tenant ${share.tenant} has or asks for ${held + others.size} numbers, and may have ${share.limit}`,
    });
  }

  /** It has a number that is to be deleted: to keep it costs nobody another. */
  #isShownFor(key: string): boolean {
    for (const id of probes(key, this.#range)) {
      const object = this.#object(id);
      if (object === undefined) return false;
      if (isOf(object, key)) return true;
    }
    return false;
  }

  #add(identity: PodIdentity): Held {
    const held: Held = { identity, key: workloadKey(identity.workload), users: 0, isNew: false };
    this.#known.set(identity.id, held);
    this.known.set(identity);
    this.#changes.set(identity.id, recordOf(identity));
    this.#own(identity.id);
    return held;
  }

  #doubt(held: Held): void {
    this.#doubted.add(held);
    if (!held.isNew) this.#missed.add(held);
  }

  #trust(held: Held): void {
    if (this.#doubted.delete(held)) this.#placements.forget(held.key);
  }

  #forget(held: Held): void {
    const { identity, key } = held;
    this.#trust(held);
    this.#missed.delete(held);
    this.#known.delete(identity.id);
    this.known.delete(String(identity.id));
    if (this.#usedByKey.get(key) === held) this.#usedByKey.delete(key);
    this.#leaving.set(identity.id, held);
    if (held.users > 0) this.#lost.add(identity.id);
    this.#own(identity.id);
  }

  /** Counts a number for the namespace that has it now. */
  #own(id: IdentityId): void {
    const before = this.#owners.get(id);
    const after = (this.#known.get(id)?.identity ?? this.#object(id))?.workload?.namespace;
    if (before === after) return;
    if (before !== undefined) this.#count(before, -1);
    if (after === undefined) this.#owners.delete(id);
    else {
      this.#owners.set(id, after);
      this.#count(after, 1);
    }
  }

  #count(namespace: string, by: number): void {
    const count = (this.#namespaces.get(namespace) ?? 0) + by;
    if (count > 0) this.#namespaces.set(namespace, count);
    else this.#namespaces.delete(namespace);
  }
}
