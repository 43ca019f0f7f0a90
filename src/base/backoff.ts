/** Exponential backoff with full jitter on the upper half, so that many clients of one server spread out. */
export type BackoffOptions = {
  /** First delay in ms. Default 100. */
  readonly initial?: number;
  /** Upper bound in ms. Default 10,000. */
  readonly max?: number;
  /** Uniform in [0, 1). Default Math.random. */
  readonly random?: () => number;
};

export class Backoff {
  readonly #initial: number;
  readonly #max: number;
  readonly #random: () => number;
  #attempt = 0;

  constructor(options: BackoffOptions = {}) {
    this.#initial = options.initial ?? 100;
    this.#max = options.max ?? 10_000;
    this.#random = options.random ?? Math.random;
  }

  /** How many delays were handed out since the last `reset`. */
  get attempts(): number {
    return this.#attempt;
  }

  /** The next delay in ms. */
  next(): number {
    const ceiling = Math.min(this.#max, this.#initial * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return ceiling / 2 + (ceiling / 2) * this.#random();
  }

  /** After a success. */
  reset(): void {
    this.#attempt = 0;
  }
}
