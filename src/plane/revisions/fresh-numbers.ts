/** What a life is told of the numbers that earlier ones gave out, and tells the next. */
export type NumberReserve = {
  /** Neither this one nor any above it was given out before, unless all were. */
  readonly next: number;
  /** Remembers that all below this may have been given out; called before the first of them is. */
  readonly reserve: (below: number) => void;
};

export type FreshNumbersOptions = NumberReserve & {
  readonly first: number;
  /** After this one it begins anew with the first. */
  readonly last: number;
  /** Those from `from` on and below `below` that somebody still has. */
  readonly inUse: (from: number, below: number) => ReadonlySet<number>;
};

/** How many are reserved at once: a write of the file each. */
export const NUMBER_BLOCK = 65_536;

/**
 * Numbers that the datapath knows something by. None is given out twice soon, across restarts either: connections, clients
 * with affinity and sockets remember numbers longer than any map holds them, and must not find another's. Once all were
 * given out it begins anew, and leaves out what somebody still has.
 */
export class FreshNumbers {
  readonly #o: FreshNumbersOptions;
  #next: number;
  /** Of the block that is being given out. */
  #below = 0;
  #inUse: ReadonlySet<number> = new Set();

  constructor(options: FreshNumbersOptions) {
    this.#o = options;
    this.#next = Math.max(options.first, options.next);
  }

  /** RangeError: there is none left. */
  fresh(): number {
    const { first, last } = this.#o;
    // Who has those left of a block was asked when it began: all are asked about anew after them.
    const left = Math.max(0, this.#below - this.#next);
    for (let tried = first - left; tried <= last; tried += 1) {
      const number = this.#take();
      if (!this.#inUse.has(number)) return number;
    }
    throw new RangeError(`all numbers up to ${last} are in use`);
  }

  #take(): number {
    const { first, last, inUse, reserve } = this.#o;
    if (this.#next > last) [this.#next, this.#below] = [first, first];
    if (this.#next >= this.#below) {
      const below = Math.min(this.#next + NUMBER_BLOCK, last + 1);
      // Not before it is remembered: should that fail, nothing was given out.
      reserve(below);
      this.#below = below;
      this.#inUse = inUse(this.#next, below);
    }
    const number = this.#next;
    this.#next += 1;
    return number;
  }
}
