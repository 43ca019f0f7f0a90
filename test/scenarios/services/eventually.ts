import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 10;

/** Throws when it does not hold in a time that no machine needs; what is thrown meanwhile counts as no. */
export async function eventually(what: string, look: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      if (await look()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms: ${what}`, { cause: last });
    await sleep(POLL_MS);
  }
}
