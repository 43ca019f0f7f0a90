import { setTimeout as sleep } from 'node:timers/promises';

/** Often at first, and rarely where it takes long: looking costs more processor than what is waited for. */
const POLL_MS = { first: 10, most: 100, growth: 1.2 };

/** Throws when it does not hold in a time that no machine needs; what is thrown meanwhile counts as no. */
export async function eventually(what: string, look: () => Promise<boolean>, timeoutMs = 120_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  let pause = POLL_MS.first;
  for (;;) {
    try {
      if (await look()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms: ${what}`, { cause: last });
    await sleep(pause);
    pause = Math.min(pause * POLL_MS.growth, POLL_MS.most);
  }
}
