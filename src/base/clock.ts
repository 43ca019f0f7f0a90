import { setTimeout as sleepTimer } from 'node:timers/promises';

/** Time as a dependency: everything that waits or stamps takes one, so that tests need not wait. */
export type Clock = {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Milliseconds from any beginning, which nobody sets: how long something is ago is told by this one. */
  elapsed(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleepTimer(ms, undefined, signal === undefined ? {} : { signal });
  },
};
