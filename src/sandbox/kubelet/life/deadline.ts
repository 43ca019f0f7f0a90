import type { Clock } from '../../../base/index.ts';

/** What a pod's status says once its `activeDeadlineSeconds` are over. */
export const DEADLINE_EXCEEDED = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
};

/** Says once that the time is over; it may be cut while it runs. */
export class Deadline {
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #exceeded = new AbortController();
  #timer = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** Aborted when the time is over. */
  get signal(): AbortSignal {
    return this.#exceeded.signal;
  }

  /** Undefined: as long as it likes. */
  set(seconds: number | undefined): void {
    this.stop();
    if (seconds === undefined || this.signal.aborted) return;
    const left = Math.max(0, this.#startedAt + seconds * 1_000 - this.#clock.now());
    void this.#wait(left, this.#timer.signal);
  }

  stop(): void {
    this.#timer.abort();
    this.#timer = new AbortController();
  }

  async #wait(left: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(Math.min(left, 2 ** 31 - 1), signal);
      this.#exceeded.abort();
    } catch {
      // Another deadline, or none any more.
    }
  }
}
