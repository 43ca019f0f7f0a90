import type { Clock, Lifecycle, Signal } from '../../base/index.ts';

/** How soon what somebody took away is there again. */
const LOOK_MS = 10_000;

/** Looks now, then whenever something has changed and every few seconds; until the lifecycle ends. */
export async function keepLooking(
  lifecycle: Lifecycle,
  { look, changed, clock }: { readonly look: () => Promise<void>; readonly changed: Signal; readonly clock: Clock },
): Promise<void> {
  let wake = new AbortController();
  changed.listen(() => wake.abort());
  await look();
  lifecycle.spawn('ways to pods of other nodes', async (signal) => {
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, AbortSignal.any([signal, wake.signal])).catch(() => undefined);
      wake = new AbortController();
      if (!signal.aborted) await look();
    }
  });
}
