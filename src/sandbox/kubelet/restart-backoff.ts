/** CrashLoopBackOff as the kubelet does it: none, then 10 s doubling to 5 min; forgotten after 10 min of running. */
export class RestartBackoff {
  readonly #initial: number;
  readonly #max: number;
  #delay = 0;

  constructor(options: { initialMs?: number; maxMs?: number } = {}) {
    this.#initial = options.initialMs ?? 10_000;
    this.#max = options.maxMs ?? 300_000;
  }

  /** Delay in ms before the next start of a container that ran for `ranMs`. */
  next(ranMs: number): number {
    if (ranMs >= this.#max * 2) this.#delay = 0;
    const delay = this.#delay;
    this.#delay = delay === 0 ? this.#initial : Math.min(delay * 2, this.#max);
    return delay;
  }
}
