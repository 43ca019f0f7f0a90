import { type MachineLock, takeMachineLock } from './machine-lock.ts';

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
