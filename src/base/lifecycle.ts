import { Backoff } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';
import { errorMessage } from './errors.ts';
import type { Logger } from './log.ts';

/** A part of a program. Constructors allocate; I/O, timers and watches begin here. */
export type Service = {
  /** Resolves when the service is ready. Work that goes on is spawned on `lifecycle`. */
  start(lifecycle: Lifecycle): Promise<void>;
  /** Resolves when everything is released. Called once, after the lifecycle's signal was aborted. */
  stop?(): Promise<void>;
};

/**
 * Owns the background work of a program: nothing floats. A spawned task that throws is logged, counted and run again
 * after a backoff until the lifecycle ends; one that returns is done.
 */
export class Lifecycle {
  readonly #controller = new AbortController();
  readonly #tasks = new Map<Promise<void>, string>();
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #onRetry: (name: string) => void;
  readonly #services: Service[] = [];

  constructor(options: { log: Logger; clock?: Clock; onRetry?: (name: string) => void }) {
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
    this.#onRetry = options.onRetry ?? (() => undefined);
  }

  /** Aborted when the program is told to stop. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Names of the tasks that run now. */
  get running(): string[] {
    return [...this.#tasks.values()];
  }

  /** Starts services in order; `stop` ends them in reverse. */
  async start(...services: Service[]): Promise<void> {
    for (const service of services) {
      this.#services.push(service);
      await service.start(this);
    }
  }

  /** Runs `task` in the background until it returns or the lifecycle stops. */
  spawn(name: string, task: (signal: AbortSignal) => Promise<void>): void {
    const run = this.#supervise(name, task);
    this.#tasks.set(run, name);
    void run.finally(() => this.#tasks.delete(run));
  }

  async #supervise(name: string, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const backoff = new Backoff();
    while (!this.signal.aborted) {
      try {
        await task(this.signal);
        return;
      } catch (error) {
        if (this.signal.aborted) return;
        const retryInMs = Math.round(backoff.next());
        this.#log.error({ task: name, error: errorMessage(error), retryInMs }, 'background task failed');
        this.#onRetry(name);
        await this.#clock.sleep(retryInMs, this.signal).catch(() => undefined);
      }
    }
  }

  /** Aborts the signal, waits for all tasks, then stops the services in reverse order. Idempotent. */
  async stop(): Promise<void> {
    this.#controller.abort(new Error('stopping'));
    await Promise.allSettled(this.#tasks.keys());
    for (const service of this.#services.splice(0).toReversed()) {
      try {
        await service.stop?.();
      } catch (error) {
        this.#log.error({ error: errorMessage(error) }, 'service did not stop cleanly');
      }
    }
  }
}
