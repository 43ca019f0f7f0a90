import type { FlowMessage } from '../model/index.ts';

/** `order` says what came before what, across shelves. */
export type Kept = { readonly order: number; readonly message: FlowMessage };

/** Old entries are cut off once they are so many, and half of all. */
const CUT_AT = 64;

/** What is kept of one endpoint: first in, first out. */
export class FlowShelf {
  #entries: (Kept | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#entries.length - this.#head;
  }

  push(kept: Kept): void {
    this.#entries.push(kept);
  }

  takeOldest(): Kept | undefined {
    const oldest = this.#entries[this.#head];
    if (oldest === undefined) return undefined;
    this.#entries[this.#head] = undefined;
    this.#head += 1;
    if (this.#head >= CUT_AT && this.#head * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return oldest;
  }

  copyTo(all: Kept[]): void {
    for (let at = this.#head; at < this.#entries.length; at += 1) {
      const kept = this.#entries[at];
      if (kept !== undefined) all.push(kept);
    }
  }
}
