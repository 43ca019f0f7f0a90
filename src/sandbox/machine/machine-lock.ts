import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An abstract unix socket (unix(7)): binding is atomic, and the kernel frees the name when its process dies. */
const NAME = '\0membrane-sandbox';
const RETRY_MS = 50;

export type MachineLock = {
  /** Resolves when somebody else can have it. Idempotent. */
  release(): Promise<void>;
};

/** There is one sandbox a machine; whoever builds or removes one holds this. `undefined` when another process does. */
export async function takeMachineLock(
  options: { name?: string; waitMs?: number } = {},
): Promise<MachineLock | undefined> {
  const deadline = Date.now() + (options.waitMs ?? 0);
  for (;;) {
    const lock = await tryLock(options.name ?? NAME);
    if (lock !== undefined || Date.now() >= deadline) return lock;
    await sleep(RETRY_MS);
  }
}

async function tryLock(name: string): Promise<MachineLock | undefined> {
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  server.once('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
  );
  server.listen(name, () => resolve(true));
  if (!(await promise)) return undefined;
  server.unref();
  const released = Promise.withResolvers<void>();
  server.once('close', () => released.resolve());
  return {
    async release() {
      server.close();
      await released.promise;
    },
  };
}
