import { Backoff, type BackoffOptions, type Clock } from '../../../base/index.ts';

/** Beyond what a timer takes; whoever is woken too early looks at the clock and waits on. */
const LONGEST_SLEEP_MS = 86_400_000;
/** As the real controllers: 5 ms doubled with each failure. */
const BACKOFF: BackoffOptions = { initial: 5, max: 1_000_000 };

export type WorkQueueOptions<K extends string> = {
  readonly clock: Clock;
  /** Called once for all that was added in the meantime, never within the call that added it. Must not throw. */
  readonly work: (key: K) => void;
  /** Aborted: nothing is done any more. */
  readonly signal: AbortSignal;
};

/** Keys that somebody must look at: now, at a time, or again after a failure. A key that waits already waits once. */
export class WorkQueue<K extends string> {
  readonly #options: WorkQueueOptions<K>;
  readonly #ready = new Set<K>();
  /** When a key is to be looked at although nothing happens, in ms since the epoch. */
  readonly #due = new Map<K, number>();
  readonly #failures = new Map<K, Backoff>();
  #scheduled = false;

  constructor(options: WorkQueueOptions<K>) {
    this.#options = options;
  }

  add(key: K): void {
    this.#ready.add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      for (const next of this.#ready) {
        this.#ready.delete(next);
        if (!this.#options.signal.aborted) this.#options.work(next);
      }
    });
  }

  addAfter(key: K, ms: number): void {
    const { clock, signal } = this.#options;
    const wait = Math.min(Math.max(ms, 0), LONGEST_SLEEP_MS);
    const due = clock.now() + wait;
    const known = this.#due.get(key);
    if (known !== undefined && known <= due) return;
    this.#due.set(key, due);
    const wake = (): void => {
      if (this.#due.get(key) !== due) return;
      this.#due.delete(key);
      this.add(key);
    };
    clock.sleep(wait, signal).then(wake, () => undefined);
  }

  /** After a failure: again, later with each one in a row. */
  retry(key: K): void {
    const backoff = this.#failures.get(key) ?? new Backoff(BACKOFF);
    this.#failures.set(key, backoff);
    this.addAfter(key, backoff.next());
  }

  /** After a success. */
  forget(key: K): void {
    this.#failures.delete(key);
  }
}
