import { Code, ConnectError } from '@connectrpc/connect';
import { errorMessage, systemClock } from '../../base/index.ts';
import type { Caller } from './caller.ts';
import { unauthenticated } from './caller.ts';

/** Between two looks at whether somebody still is who he was. */
const LOOK_EVERY_MS = 2_000;
/** So long he is taken to be while nobody answers. */
const UNANSWERED_MS = 8_000;

/** A stream that ends when what its reader has shown does not hold any more: with Unauthenticated, or Unavailable. */
export async function* whileHeld<T>(
  caller: Caller,
  signal: AbortSignal,
  open: (signal: AbortSignal) => AsyncIterable<T>,
): AsyncGenerator<T> {
  if (caller.stillHolds === undefined) return yield* open(signal);
  const over = new AbortController();
  const done = new AbortController();
  void look(caller.stillHolds, over, AbortSignal.any([signal, done.signal]));
  try {
    yield* open(AbortSignal.any([signal, over.signal]));
    if (!signal.aborted) over.signal.throwIfAborted();
  } finally {
    done.abort();
  }
}

async function look(stillHolds: () => Promise<boolean>, over: AbortController, signal: AbortSignal): Promise<void> {
  let confirmed = performance.now();
  while (!signal.aborted && !over.signal.aborted) {
    await systemClock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    const at = performance.now();
    try {
      if (await stillHolds()) confirmed = at;
      else over.abort(unauthenticated('what was shown does not hold any more'));
    } catch (error) {
      if (performance.now() - confirmed > UNANSWERED_MS)
        over.abort(new ConnectError(`nobody says who asks: ${errorMessage(error)}`, Code.Unavailable));
    }
  }
}
