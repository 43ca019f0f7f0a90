import type { Clock } from './clock.ts';

export { TestCertificates } from './test-certificates.ts';

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  #now: number;
  #set = 0;
  #sleepers: { at: number; wake: () => void }[] = [];

  constructor(start = 0) {
    this.#now = start;
  }

  now(): number {
    return this.#now + this.#set;
  }

  elapsed(): number {
    return this.#now;
  }

  /** Somebody sets the wall clock; no time passes. */
  set(by: number): void {
    this.#set += by;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#sleepers.push({ at: this.#now + ms, wake: resolve });
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    await promise;
  }

  /** Moves time on and lets every sleeper whose time has come go, in order. */
  async advance(ms: number): Promise<void> {
    this.#now += ms;
    const due = this.#sleepers.filter((s) => s.at <= this.#now).toSorted((a, b) => a.at - b.at);
    this.#sleepers = this.#sleepers.filter((s) => s.at > this.#now);
    for (const sleeper of due) {
      sleeper.wake();
      await Promise.resolve();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
