import { type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';

/** Walking all sockets of all pods has its price: what goes in the meantime goes together. */
const PAUSE_MS = 500;
/** How soon those are looked at again whose pod still lives. */
const AGAIN_MS = 10_000;

export type StaleSocketsOptions = {
  /** Ends sockets of backends that are gone, but for TCP to who still lives; what it could not look into. */
  readonly end: () => Promise<{ readonly ended: number; readonly kept: number; readonly failed: readonly string[] }>;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Ends connections with backends that are gone, so that their owners notice now instead of after a time-out. */
export class StaleSockets implements Service {
  readonly #o: StaleSocketsOptions;
  #wanted = Promise.withResolvers<void>();

  constructor(options: StaleSocketsOptions) {
    this.#o = options;
  }

  /** There may be such sockets now. */
  look(): void {
    this.#wanted.resolve();
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.signal.addEventListener('abort', () => this.#wanted.resolve(), { once: true });
    lifecycle.spawn('stale sockets', async (signal) => {
      let kept = 0;
      while (!signal.aborted) {
        await this.#something(kept > 0, signal);
        if (signal.aborted) return;
        this.#wanted = Promise.withResolvers<void>();
        kept = await this.#end();
        await this.#o.clock.sleep(PAUSE_MS, signal).catch(() => undefined);
      }
    });
  }

  async #something(again: boolean, signal: AbortSignal): Promise<void> {
    if (!again) return await this.#wanted.promise;
    const woken = new AbortController();
    const timer = this.#o.clock.sleep(AGAIN_MS, AbortSignal.any([signal, woken.signal])).catch(() => undefined);
    await Promise.race([this.#wanted.promise, timer]);
    woken.abort(new Error('woken'));
  }

  async #end(): Promise<number> {
    const { end, log } = this.#o;
    try {
      const { ended, kept, failed } = await end();
      if (ended > 0) log.info({ ended, kept }, 'sockets of backends that are gone were ended');
      if (failed.length > 0) log.debug({ failed: failed.slice(0, 10) }, 'namespaces without a look for stale sockets');
      return kept;
    } catch (error) {
      log.warn({ error: errorMessage(error) }, 'sockets of backends that are gone could not be ended');
      return 0;
    }
  }
}
