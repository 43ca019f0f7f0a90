import { chmod, link, lstat, mkdir, mkdtemp, rename, rm, unlink } from 'node:fs/promises';
import net, { type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { errorMessage, isMembraneError } from '../base/index.ts';
import { apiErrors } from './errors.ts';

/** Kernel limit of a unix socket's path (sun_path without the final zero). */
const MAX_PATH_BYTES = 107;

/**
 * Listens on a unix socket that only its owner may open, at most one live server a path. A dead server's socket is
 * replaced; a live one is refused (E_API_AGENT_RUNNING). Returns what gives the path free again.
 *
 * The socket is made in a private folder and appears under its name complete, by link(2), which never replaces: two
 * agents that start together cannot take it from each other.
 */
export async function listenOnSocket(server: Server, path: string): Promise<() => Promise<void>> {
  const folder = dirname(path);
  let workshop: string | undefined;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    workshop = await mkdtemp(join(folder, '.s'));
    const made = join(workshop, 's');
    if (Buffer.byteLength(made) > MAX_PATH_BYTES || Buffer.byteLength(path) > MAX_PATH_BYTES)
      throw apiErrors.make('E_API_SOCKET', { detail: `${path} is too long` });
    await listen(server, made);
    await chmod(made, 0o600);
    await publish(made, path);
    const { ino } = await lstat(path);
    return async () => {
      const now = await lstat(path).catch(() => undefined);
      if (now?.ino === ino) await unlink(path).catch(() => undefined);
    };
  } catch (cause) {
    server.close();
    if (isMembraneError(cause)) throw cause;
    throw apiErrors.make('E_API_SOCKET', { detail: `${path}: ${errorMessage(cause)}`, cause });
  } finally {
    if (workshop !== undefined) await rm(workshop, { recursive: true, force: true });
  }
}

async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ path }, resolve);
  await promise;
  server.off('error', reject);
}

async function publish(made: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if (await linked(made, path)) return;
    if (await isAlive(path)) throw apiErrors.make('E_API_AGENT_RUNNING', { detail: path });
    const grave = `${made}.dead${attempt}`;
    await rename(path, grave).catch(() => undefined);
    // Between the question and the move another agent may have put its own there: give it back.
    if (await isAlive(grave)) {
      await linked(grave, path);
      throw apiErrors.make('E_API_AGENT_RUNNING', { detail: path });
    }
  }
  throw apiErrors.make('E_API_SOCKET', { detail: `${path} comes back as often as it is removed` });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether somebody answers there. What is not a socket is dead too: refuse it as an unknown file elsewhere. */
async function isAlive(path: string): Promise<boolean> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat === undefined) return false;
  if (!stat.isSocket()) throw apiErrors.make('E_API_SOCKET', { detail: `${path} exists and is not a socket` });
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = net.connect({ path });
  socket.once('connect', () => resolve(true));
  socket.once('error', (error: NodeJS.ErrnoException) =>
    resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
  );
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
