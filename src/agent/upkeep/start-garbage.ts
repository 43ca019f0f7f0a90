import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock, Lifecycle, Service } from '../../base/index.ts';

/** How often it is looked whether everything is in the kernel. */
const LOOK_MS = 500;
/** What comes with the first pass, as the tables of large policies, is over by then. */
const AFTER_MS = 10_000;
/** For how long it waits for a moment in which nothing changes, in looks: a minute. */
const LOOKS_AT_MOST = 120;

export type StartGarbageOptions = {
  /** What was there at the start is in the kernel, services too. */
  readonly isOver: () => boolean;
  /** Passes that have begun: as long as there are more of them, somebody waits for a change to be in the kernel. */
  readonly passes: () => number;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly collect?: () => void;
};

/**
 * Gives back what a start leaves, when everything is in the kernel and once more a little later: lists of a large cluster are
 * read faster than V8 collects behind them, and an agent that has nothing to do afterwards would keep that for good. 90 MB of
 * 290 with 50,000 pods elsewhere, 70 of 320 with 30,000 services. The agent stands still meanwhile, for 50 to 150 ms: what
 * changes is not to wait for that, unless something always does.
 */
export class StartGarbage implements Service {
  readonly #o: StartGarbageOptions;

  constructor(options: StartGarbageOptions) {
    this.#o = options;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    const { isOver, passes, clock, collect = collectGarbage } = this.#o;
    lifecycle.spawn('garbage of the start', async (signal) => {
      const pause = async (ms: number): Promise<void> => await clock.sleep(ms, signal).catch(() => undefined);
      while (!signal.aborted && !isOver()) await pause(LOOK_MS);
      for (const ms of [LOOK_MS, AFTER_MS]) {
        await pause(ms);
        for (let look = 0, before = Number.NaN; before !== passes() && look < LOOKS_AT_MOST; look += 1) {
          before = passes();
          await pause(LOOK_MS);
        }
        if (signal.aborted) return;
        collect();
      }
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
