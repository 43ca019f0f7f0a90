import type { Clock } from '../base/index.ts';
import type { IdentityId, IdentityObject, IdentityReceipt } from '../model/index.ts';
import { PassedOver } from './passed-over.ts';
import type { IdentityStore } from './placement.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';

/** What deletes needs more of the store; see `IdentityStore`. */
export type CollectedStore = Pick<IdentityStore, 'keep'> & {
  /** Says that it is to be deleted. False: it is another by now, or gone. */
  readonly retire: (object: IdentityObject) => Promise<boolean>;
  /** False: it is another by now. */
  readonly remove: (object: IdentityObject) => Promise<boolean>;
};

export type CollectionSettings = {
  /** How long a number that nobody uses stays with its workload, unless it is needed, in ms. */
  readonly grace: number;
  /** At least so long it is marked before it is deleted, in ms. */
  readonly rest: number;
  /** Part of all numbers that one namespace may have, above 0 to 1. From three quarters of it on its unused ones are needed. */
  readonly namespaceShare: number;
};

export type CollectionOptions = CollectionSettings & {
  readonly store: CollectedStore;
  /** What every node that has numbers at all says of itself, at this moment and from no cache. */
  readonly receipts: () => Promise<readonly IdentityReceipt[]>;
  readonly clock: Pick<Clock, 'elapsed'>;
  readonly range?: IdentityRange;
};

/** How the cluster looks; each part may be late. */
export type CollectionView = {
  readonly objects: ReadonlyMap<string, IdentityObject>;
  /** Numbers that pods are known to have: they are not even marked. */
  readonly used: ReadonlySet<IdentityId>;
  /** Whether the node is one of the cluster, or was a moment ago. */
  readonly isNode: (name: string) => boolean;
};

export type Round = {
  readonly marked: number;
  readonly kept: number;
  readonly deleted: readonly IdentityId[];
  /** To be deleted: not long enough, or nodes have not heard of it. */
  readonly waiting: number;
  /** Nodes that have not heard of everything that is old enough to be deleted. */
  readonly behind: readonly string[];
};

const NEED = 0.75;
/** In one round, so that what is due is looked at anew now and then. */
const MOST_MARKED = 2_000;
/** Requests at once: those of pods that start come first. */
const AT_ONCE = 4;

type Seen = { readonly uid: string; readonly version: string; readonly since: number };

/**
 * Takes numbers back that nobody has: marks them, and deletes those whose mark still stands when every node has said that
 * it has heard of it, for then they mean nobody anywhere (`ClusterNumbers.heard`). Whoever comes to need one takes its mark
 * back, and a mark is a version: what is deleted is the very version whose mark everybody has heard of, so several of
 * these may run at once, late or mistaken about who uses what, and nobody loses his number.
 */
export class IdentityCollection {
  readonly #o: CollectionOptions;
  readonly #size: number;
  readonly #passedOver: PassedOver;
  /** Since when nobody is known to use it. */
  readonly #unused = new Map<IdentityId, Seen>();
  /** Since when it is known to be marked. */
  readonly #marked = new Map<IdentityId, Seen>();

  constructor(options: CollectionOptions) {
    this.#o = options;
    const range = options.range ?? CLUSTER_RANGE;
    this.#size = range.last - range.first + 1;
    this.#passedOver = new PassedOver(range);
  }

  /**
   * One look, and what follows from it. `check` comes before each request, and may throw. Throws what requests throw; what
   * was not done is done the next time.
   */
  async round(view: CollectionView, check: () => void): Promise<Round> {
    const now = this.#o.clock.elapsed();
    const objects = Array.from(view.objects.values());
    const passed = this.#passedOver.of(objects);
    const isFree = ({ id, workload }: IdentityObject) =>
      !view.used.has(id) && !passed.has(id) && workload !== undefined;
    this.#note(objects, isFree, now);
    const marks = objects.filter(({ retiring }) => retiring);
    const wanted = marks.filter((object) => !isFree(object));
    const ripe = marks.filter((object) => isFree(object) && this.#isRipe(object, now));
    const free = objects.filter((object) => !object.retiring && isFree(object));
    const { store } = this.#o;
    const kept = await each(wanted, store.keep, check);
    const marked = await each(this.#due(free, objects, now), store.retire, check);
    const { heard, behind } = await this.#heardBy(ripe, view);
    const gone = await each(heard, store.remove, check);
    const waiting = marks.length + marked.length - kept.length - gone.length;
    return { marked: marked.length, kept: kept.length, deleted: gone.map(({ id }) => id), waiting, behind };
  }

  #isRipe({ id }: IdentityObject, now: number): boolean {
    const seen = this.#marked.get(id);
    return seen !== undefined && now - seen.since >= this.#o.rest;
  }

  #note(objects: readonly IdentityObject[], isFree: (object: IdentityObject) => boolean, now: number): void {
    const ids = new Set(objects.map(({ id }) => id));
    for (const seen of [this.#unused, this.#marked]) for (const id of seen.keys()) if (!ids.has(id)) seen.delete(id);
    for (const object of objects) {
      const { id, uid, resourceVersion: version, retiring } = object;
      const unused = this.#unused.get(id);
      if (!isFree(object)) this.#unused.delete(id);
      else if (unused?.uid !== uid) this.#unused.set(id, { uid, version, since: now });
      const marked = this.#marked.get(id);
      if (!retiring) this.#marked.delete(id);
      else if (marked?.uid !== uid || marked.version !== version) this.#marked.set(id, { uid, version, since: now });
    }
  }

  /** Which of the free ones are to be marked now, the longest unused first. */
  #due(free: readonly IdentityObject[], all: readonly IdentityObject[], now: number): IdentityObject[] {
    const counts = new Map<string, number>();
    for (const { workload } of all) {
      if (workload !== undefined) counts.set(workload.namespace, (counts.get(workload.namespace) ?? 0) + 1);
    }
    const most = Math.max(1, this.#size * this.#o.namespaceShare) * NEED;
    const isShort = all.length >= this.#size * NEED;
    const since = ({ id }: IdentityObject): number => this.#unused.get(id)?.since ?? now;
    const isDue = (object: IdentityObject): boolean =>
      now - since(object) >= this.#o.grace || isShort || (counts.get(object.workload?.namespace ?? '') ?? 0) >= most;
    return free
      .filter(isDue)
      .toSorted((a, b) => since(a) - since(b))
      .slice(0, MOST_MARKED);
  }

  async #heardBy(
    ripe: readonly IdentityObject[],
    { isNode }: CollectionView,
  ): Promise<{ readonly heard: readonly IdentityObject[]; readonly behind: readonly string[] }> {
    if (ripe.length === 0) return { heard: [], behind: [] };
    const receipts = (await this.#o.receipts()).filter(({ name }) => isNode(name));
    const least = receipts.reduce((so, { heard }) => Math.min(so, heard), Number.POSITIVE_INFINITY);
    // A version that is no number was heard of by nobody.
    const heard = ripe.filter(({ resourceVersion }) => Number(resourceVersion) <= least);
    const latest = Math.max(...ripe.map(({ resourceVersion }) => Number(resourceVersion)));
    const behind = receipts.filter((receipt) => !(latest <= receipt.heard)).map(({ name }) => name);
    return { heard, behind };
  }
}

/** Those of which it was done. */
async function each(
  objects: readonly IdentityObject[],
  act: (object: IdentityObject) => Promise<boolean>,
  check: () => void,
): Promise<readonly IdentityObject[]> {
  const done: IdentityObject[] = [];
  const left = objects.values();
  const work = async (): Promise<void> => {
    for (const object of left) {
      check();
      if (await act(object)) done.push(object);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, objects.length) }, work));
  return done;
}
