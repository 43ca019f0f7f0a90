import { setImmediate as nextTurn } from 'node:timers/promises';

/** Work that yields often, for whoever has others to serve. */
export type Steps<T> = Generator<void, T, void>;

/** How long `inSlices` holds up the event loop at a time, ms. */
const SLICE_MS = 1;

/** To the end, with turns for everything else in between, but none after the last step. */
export async function inSlices<T>(steps: Steps<T>): Promise<T> {
  let turn = performance.now();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - turn < SLICE_MS) continue;
    await nextTurn();
    turn = performance.now();
  }
}

/** To the end at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
