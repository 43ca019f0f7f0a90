const MIN_BAND = 16;

export type NumberPoolOptions = {
  readonly first: number;
  readonly last: number;
  /** So many of the first are left to those who ask for a number of their own. */
  readonly staticBand: number;
};

/** How many of a range of this size are left (KEP-3070, KEP-3668): a share of 1 / `share`, at most `max`. */
export function staticBand(size: number, { share, max }: { readonly share: number; readonly max: number }): number {
  return size <= MIN_BAND ? 0 : Math.min(Math.max(MIN_BAND, Math.floor(size / share)), max);
}

/**
 * Numbers of a range that are given out once. Who asks for none in particular gets one from above the static band, as
 * long as there is one.
 */
export class NumberPool {
  readonly first: number;
  readonly last: number;
  readonly #firstDynamic: number;
  readonly #used = new Set<number>();
  #next: number;

  constructor({ first, last, staticBand: band }: NumberPoolOptions) {
    this.first = first;
    this.last = last;
    this.#firstDynamic = first + band;
    this.#next = this.#firstDynamic;
  }

  /** Is it of the range? */
  covers(number: number): boolean {
    return number >= this.first && number <= this.last;
  }

  isTaken(number: number): boolean {
    return this.#used.has(number);
  }

  take(number: number): void {
    if (this.covers(number)) this.#used.add(number);
  }

  release(number: number): void {
    this.#used.delete(number);
  }

  /** Not taken yet; `undefined`: there is none. `except`: about to be taken. */
  free(except: ReadonlySet<number> = new Set()): number | undefined {
    const isFree = (number: number): boolean => !this.#used.has(number) && !except.has(number);
    const dynamic = this.last - this.#firstDynamic + 1;
    for (let tried = 0; tried < dynamic; tried += 1) {
      const number = this.#next;
      this.#next = number === this.last ? this.#firstDynamic : number + 1;
      if (isFree(number)) return number;
    }
    for (let number = this.first; number < this.#firstDynamic; number += 1) if (isFree(number)) return number;
    return undefined;
  }
}
