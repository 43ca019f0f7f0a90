import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { cliErrors } from './errors.ts';
import type { GlobalOptions } from './options.ts';

const RUN_FOLDER = '/run/membrane';
const SOCKET = 'admin.sock';

/**
 * The socket of the agent to ask: --socket, else --node, else the only one on this machine. Of several, those that do not
 * answer do not count.
 */
export async function findAgent(
  options: Pick<GlobalOptions, 'socket' | 'node'>,
  folder = process.env.MEMBRANE_RUN_DIR ?? RUN_FOLDER,
): Promise<string> {
  if (options.socket !== undefined) return options.socket;
  if (options.node !== undefined) {
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(options.node))
      throw cliErrors.make('E_CLI_USAGE', { detail: `--node ${JSON.stringify(options.node)} is not a node name` });
    return join(folder, options.node, SOCKET);
  }
  const sockets = await socketsIn(folder);
  const alive = sockets.length > 1 ? await answering(sockets) : sockets;
  const [only, ...others] = alive.length > 0 ? alive : sockets;
  if (only === undefined) throw cliErrors.make('E_CLI_NO_AGENT', { detail: `${folder}/*/${SOCKET} does not exist` });
  if (others.length > 0) {
    const nodes = [only, ...others].map((path) => path.slice(folder.length + 1, -SOCKET.length - 1));
    throw cliErrors.make('E_CLI_SEVERAL_AGENTS', { detail: nodes.join(', ') });
  }
  return only;
}

async function socketsIn(folder: string): Promise<string[]> {
  const nodes = await entriesOf(folder);
  const found = await Promise.all(
    nodes.map(async (node) => {
      const files = node.isDirectory() ? await entriesOf(join(folder, node.name)) : [];
      return files.some(({ name }) => name === SOCKET) ? [join(folder, node.name, SOCKET)] : [];
    }),
  );
  return found.flat().sort();
}

/** None for a folder that is not there. One that may not be read may hold any agent: E_CLI_PERMISSION. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EACCES') throw cliErrors.make('E_CLI_PERMISSION', { detail: `${folder}: EACCES`, cause });
    return [];
  });
}

async function answering(sockets: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(sockets.map(isAnswering));
  return sockets.filter((_, i) => answers[i]);
}

async function isAnswering(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = net.connect({ path });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}
