import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock, Lifecycle, Service } from '../../base/index.ts';
import type { Engine } from '../../plane/index.ts';

/** After the first pass: what comes with it, as the tables of large policies, is over by then. */
const AFTER_MS = 10_000;

export type StartGarbageOptions = {
  readonly engine: Pick<Engine, 'adopted' | 'converged'>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly collect?: () => void;
};

/**
 * Gives back, once, what a start leaves: lists of a large cluster are read faster than V8 collects behind them, and an agent
 * that has nothing to do afterwards would keep that for good. 90 MB of 290 with 50,000 pods elsewhere.
 */
export class StartGarbage implements Service {
  readonly #o: StartGarbageOptions;

  constructor(options: StartGarbageOptions) {
    this.#o = options;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    const { engine, clock, collect = collectGarbage } = this.#o;
    lifecycle.spawn('garbage of the start', async (signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      engine.adopted.listen(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (engine.converged) resolve();
      await promise;
      await clock.sleep(AFTER_MS, signal).catch(() => undefined);
      if (!signal.aborted) collect();
    });
  }

  async stop(): Promise<void> {
    // What waits ends with the lifecycle.
  }
}

/** Whole, and with what the heap does not need given back to the system. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: object) => void;
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
