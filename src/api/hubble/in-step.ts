import type { Clock } from '../../base/index.ts';

const STEP_MS = 1_000;

/**
 * Ends as the work does, but only whole seconds after it began: how long something took that is thought about the whole cluster says how
 * much there is in it.
 */
export async function inStep<T>(clock: Pick<Clock, 'elapsed' | 'sleep'>, work: () => Promise<T>): Promise<T> {
  const began = clock.elapsed();
  try {
    return await work();
  } finally {
    const rest = STEP_MS - ((clock.elapsed() - began) % STEP_MS);
    await clock.sleep(rest);
  }
}
