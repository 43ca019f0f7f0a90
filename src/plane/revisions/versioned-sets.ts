import { setImmediate as nextTurn } from 'node:timers/promises';

/** Packets that read what named a set just before that changed still find all of it, ms. */
export const GRACE_MS = 250;
/** Sets that are deleted before others get a turn. */
const TOGETHER = 128;

export type VersionedSetsOptions<S> = {
  /** Deletes all rows of them; those that are not there are no error. */
  readonly remove: (sets: readonly S[]) => void | Promise<void>;
  /** 0: whatever names one goes by a grace of its own. */
  readonly graceMs?: number;
};

/**
 * Sets of rows of which a program reads one whole or none. A set is written under a number that nobody had (`FreshNumbers`),
 * in room that was taken for all of it (`MapRoom`); one store of what names it switches over; the set that was named before
 * is retired, and deleted when no packet can be on its way to it any more. What an earlier life left is adopted:
 * it goes like what was retired, unless somebody keeps it.
 */
export class VersionedSets<S> {
  readonly #remove: VersionedSetsOptions<S>['remove'];
  readonly #graceMs: number;
  /** With the time from which each may be deleted. */
  readonly #retired = new Map<S, number>();

  constructor({ remove, graceMs = GRACE_MS }: VersionedSetsOptions<S>) {
    this.#remove = remove;
    this.#graceMs = graceMs;
  }

  /** Waiting to be deleted. */
  get retired(): { readonly size: number; keys(): MapIterator<S> } {
    return this.#retired;
  }

  /** Of `put`, which nothing names yet, either all is written or nothing: then this rejects as it did. */
  async write(sets: readonly S[], put: () => void | Promise<void>): Promise<void> {
    try {
      await put();
    } catch (error) {
      await this.#remove(sets);
      throw error;
    }
  }

  /** Found in the maps: nobody of this life names it yet. */
  adopt(set: S, now: number): void {
    this.retire(set, now);
  }

  /** Nothing names it any more. */
  retire(set: S, now: number): void {
    if (!this.#retired.has(set)) this.#retired.set(set, now + this.#graceMs);
  }

  /** Somebody names it, or is about to. */
  keep(set: S): void {
    this.#retired.delete(set);
  }

  /**
   * Deletes what was retired long enough ago and is not named, in slices; returns what that was. What could not be
   * deleted stays retired.
   */
  async sweep(now: number, isNamed: (set: S) => boolean = () => false): Promise<S[]> {
    const due: S[] = [];
    for (const [set, from] of this.#retired) {
      if (from > now) continue;
      if (isNamed(set)) this.#retired.set(set, now + this.#graceMs);
      else due.push(set);
    }
    const gone: S[] = [];
    for (let at = 0; at < due.length; at += TOGETHER) {
      if (at > 0) await nextTurn();
      // Who was kept while others were deleted stays.
      const sets = due.slice(at, at + TOGETHER).filter((set) => this.#retired.has(set));
      await this.#remove(sets);
      for (const set of sets) this.#retired.delete(set);
      gone.push(...sets);
    }
    return gone;
  }
}
