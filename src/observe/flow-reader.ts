import type { FlowLossPlace } from '../model/index.ts';
import { isKept, type Kept } from './flow-block.ts';

/** What waits for a reader: a record, or how many are missing there. */
export type Waiting = Kept | { readonly place: FlowLossPlace; readonly count: number };

export type FlowReaderOptions = {
  readonly matches: (view: DataView, at: number) => boolean;
  /** Records that may wait. */
  readonly capacity: number;
  /** Bytes of a record. */
  readonly size: number;
};

/**
 * The queue of one reader, of places in the store. The writer never waits: when the queue is full, or the store has no room
 * for what waits any more, flows are counted instead, and the reader is told how many at the place where they are missing.
 */
export class FlowReader {
  readonly #o: FlowReaderOptions;
  #queue: Waiting[] = [];
  /** Lost since the last record that was queued. */
  #missing = 0;
  #lost = 0;
  #wake: (() => void) | undefined;

  constructor(options: FlowReaderOptions) {
    this.#o = options;
  }

  /** Flows that this reader did not get because it was slow. */
  get lost(): number {
    return this.#lost;
  }

  offer(kept: Kept): void {
    if (!this.#o.matches(kept.block.view, kept.index * this.#o.size)) return;
    if (this.#queue.length >= this.#o.capacity) {
      this.#miss();
      return;
    }
    this.#noteMissing();
    this.#queue.push(kept);
    this.#wake?.();
  }

  /** Notes of loss elsewhere are few (one a look) and exact counts depend on them: one beyond the bound is merged. */
  note(place: FlowLossPlace, count: number): void {
    const last = this.#queue.at(-1);
    if (this.#queue.length < this.#o.capacity) {
      this.#noteMissing();
      this.#queue.push({ place, count });
    } else if (last !== undefined && 'place' in last && last.place === place) {
      this.#queue[this.#queue.length - 1] = { place, count: last.count + count };
    } else this.#queue.push({ place, count });
    this.#wake?.();
  }

  /** At most `most` of what is queued, at least one; empty when the signal is aborted. What is gone from the store is counted. */
  async take(most: number, signal: AbortSignal): Promise<Waiting[]> {
    while (this.#queue.length === 0 && this.#missing === 0) {
      if (signal.aborted) return [];
      await this.#woken(signal);
    }
    if (signal.aborted) return [];
    const taken = this.#queue.length <= most ? this.#queue : this.#queue.slice(0, most);
    this.#queue = this.#queue.length <= most ? [] : this.#queue.slice(most);
    if (this.#queue.length > 0 || this.#missing === 0) return taken;
    return [...taken, { place: 'reader', count: this.#takeMissing() }];
  }

  /** One that was taken had gone from the store meanwhile. */
  gone(count: number): void {
    this.#lost += count;
  }

  #miss(): void {
    this.#missing += 1;
    this.#lost += 1;
  }

  #takeMissing(): number {
    const missing = this.#missing;
    this.#missing = 0;
    return missing;
  }

  async #woken(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const onAbort = () => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await promise;
    signal.removeEventListener('abort', onAbort);
    this.#wake = undefined;
  }

  #noteMissing(): void {
    if (this.#missing > 0) this.#queue.push({ place: 'reader', count: this.#takeMissing() });
  }
}

/** What of it is still in the store, in order; where some is not, how many. */
export function stillThere(taken: readonly Waiting[]): { readonly there: readonly Waiting[]; readonly gone: number } {
  const there: Waiting[] = [];
  let gone = 0;
  let run = 0;
  for (const one of taken) {
    const isGone = 'block' in one && !isKept(one);
    if (isGone) {
      gone += 1;
      run += 1;
      continue;
    }
    if (run > 0) there.push({ place: 'reader', count: run });
    run = 0;
    there.push(one);
  }
  if (run > 0) there.push({ place: 'reader', count: run });
  return { there, gone };
}
