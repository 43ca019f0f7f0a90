import { setImmediate as turn } from 'node:timers/promises';
import type { ApiStore } from './apiserver/index.ts';
import { type MachineLock, takeMachineLock } from './machine/index.ts';

/** How long a test waits for the sandbox of somebody else on this machine to end. */
const PATIENCE_MS = 110_000;

/** There is one sandbox a machine, and a test must not take a developer's down: waits until there is none. */
export async function claimMachine(): Promise<MachineLock> {
  const lock = await takeMachineLock({ waitMs: PATIENCE_MS });
  if (lock === undefined) throw new Error('somebody keeps a sandbox up on this machine');
  return lock;
}

/** For tests that bring a whole sandbox up, which claims the machine by itself. */
export async function waitForMachine(): Promise<void> {
  await (await claimMachine()).release();
}

/** Many more than any chain of watches and controllers needs from one change to the next. */
const QUIET_TURNS = 50;

/** Until nothing has been written for so many turns of the event loop: whoever follows the store has done his part. */
export async function settled(store: ApiStore): Promise<void> {
  let seen = store.resourceVersion;
  for (let turns = 0; turns < QUIET_TURNS; turns += 1) {
    await turn();
    if (store.resourceVersion === seen) continue;
    seen = store.resourceVersion;
    turns = 0;
  }
}
