import { setImmediate as turn } from 'node:timers/promises';
import type { FlowBlock } from './flow-block.ts';
import type { FlowStore, Missing } from './flow-store.ts';
import { recordTime } from './record.ts';
import type { Somebody } from './who.ts';

/** A long search gives others their turn after this. */
const SLICE_MS = 8;

/** Which records are looked for. */
export type Wanted = {
  /** ns of the boot clock, both included. */
  readonly since: number;
  readonly until: number;
  /** No record without one of them as an end can be one. Undefined: any may. */
  readonly about: Somebody | undefined;
  readonly matches: (view: DataView, at: number) => boolean;
};

/** What is found is handed over in groups of about so many. */
const GROUP = 256;

type Found = { readonly time: number; readonly block: FlowBlock; readonly at: number; readonly generation: number };

type Candidate = { readonly block: FlowBlock; readonly generation: number; readonly count: number };

/**
 * What of a store is wanted, as it stood when this was made: what comes later is not in it. Blocks that cannot have any are
 * passed over by their times and their masks; what is pushed out meanwhile is counted.
 */
export class FlowScan {
  readonly #store: FlowStore;
  readonly #wanted: Wanted;
  readonly #candidates: Candidate[];
  readonly #missing: readonly Missing[];
  #lost = 0;
  #sliceEnds = 0;

  constructor(store: FlowStore, wanted: Wanted) {
    this.#store = store;
    this.#wanted = wanted;
    const { since, until, about } = wanted;
    this.#candidates = store
      .blocks()
      .filter(({ oldest, newest, mask }) => newest >= since && oldest <= until && (about?.mayBeIn(mask) ?? true))
      .map((block) => ({ block, generation: block.generation, count: block.count }));
    this.#missing = store.missing.filter(({ time }) => time >= since && time <= until);
  }

  /** Records that may have been wanted, and went before they were looked at. */
  get lost(): number {
    return this.#lost;
  }

  /** Where the kernel lost some, within what is wanted. */
  missing(since = this.#wanted.since): readonly Missing[] {
    return this.#missing.filter(({ time }) => time >= since);
  }

  /**
   * From where on the newest `count` lie: their oldest's time, and how many older ones of the same time are too many. `all`:
   * there are not more than that.
   */
  async newest(count: number): Promise<{ readonly since: number; readonly skip: number; readonly all: boolean }> {
    if (count <= 0) return { since: Number.POSITIVE_INFINITY, skip: 0, all: false };
    const candidates = this.#candidates.toSorted((a, b) => b.block.newest - a.block.newest);
    let times: number[] = [];
    // The oldest of `count`, once there are so many: a block without newer ones ends the search.
    let bound = Number.NEGATIVE_INFINITY;
    for (const { block, generation, count: length } of candidates) {
      if (block.newest < bound) break;
      if (this.#mustWait()) await this.#wait();
      if (block.generation !== generation) continue;
      let isFuller = false;
      for (let index = 0; index < length; index += 1) {
        const time = this.#timeIfWanted(block, index);
        if (!(time >= bound)) continue;
        times.push(time);
        isFuller = true;
      }
      if (isFuller && times.length >= count) bound = cut();
    }
    cut();
    const all = times.length < count;
    const since = all ? this.#wanted.since : (times[count - 1] ?? Number.POSITIVE_INFINITY);
    return { since, skip: times.filter((time) => time >= since).length - Math.min(count, times.length), all };

    function cut(): number {
      times.sort((a, b) => b - a);
      const last = times[count - 1] ?? Number.NEGATIVE_INFINITY;
      // Those of the same time stay: which of them is older is not known.
      times = times.filter((time) => time >= last);
      return last;
    }
  }

  /** What `make` makes of them, in the order of time from `since` on; `skip` of those at that very time are left out. */
  async *inOrder<T>(
    make: (view: DataView, at: number) => T,
    since = this.#wanted.since,
    skip = 0,
  ): AsyncGenerator<T[]> {
    const candidates = this.#candidates
      .filter(({ block }) => block.newest >= since)
      .toSorted((a, b) => a.block.oldest - b.block.oldest);
    let waiting: Found[] = [];
    let left = skip;
    let handOverAt = GROUP;
    for (const [place, { block, generation, count }] of candidates.entries()) {
      if (this.#mustWait()) await this.#wait();
      const there = block.generation === generation ? count : 0;
      this.#lost += count - there;
      for (let index = 0; index < there; index += 1) {
        const time = this.#timeIfWanted(block, index);
        if (!(time >= since)) continue;
        if (time === since && left > 0) left -= 1;
        else waiting.push({ time, block, at: index * this.#store.layout.size, generation });
      }
      // No block that is still to come has any from before its oldest.
      const next = candidates[place + 1]?.block.oldest ?? Number.POSITIVE_INFINITY;
      if (waiting.length < handOverAt && next !== Number.POSITIVE_INFINITY) continue;
      waiting.sort((a, b) => a.time - b.time);
      const end = waiting.findIndex(({ time }) => time >= next);
      const ready = end === -1 ? waiting : waiting.slice(0, end);
      waiting = end === -1 ? [] : waiting.slice(end);
      handOverAt = 2 * waiting.length + GROUP;
      for (let from = 0; from < ready.length; from += GROUP) {
        if (from > 0 && this.#mustWait()) await this.#wait();
        const group = ready.slice(from, from + GROUP).filter((found) => found.block.generation === found.generation);
        this.#lost += Math.min(GROUP, ready.length - from) - group.length;
        if (group.length > 0) yield group.map((found) => make(found.block.view, found.at));
      }
    }
  }

  /** NaN, which is neither before nor after anything, for one that is not wanted. */
  #timeIfWanted(block: FlowBlock, index: number): number {
    const { layout } = this.#store;
    const { since, until, about, matches } = this.#wanted;
    const at = index * layout.size;
    const time = recordTime(layout, block.view, at);
    if (time < since || time > until) return Number.NaN;
    if (about !== undefined && !about.isIn(layout, block.view, at)) return Number.NaN;
    return matches(block.view, at) ? time : Number.NaN;
  }

  #mustWait(): boolean {
    return performance.now() > this.#sliceEnds;
  }

  async #wait(): Promise<void> {
    await turn();
    this.#sliceEnds = performance.now() + SLICE_MS;
  }
}
