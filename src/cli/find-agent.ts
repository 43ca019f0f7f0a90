import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { cliErrors } from './errors.ts';
import type { GlobalOptions } from './options.ts';

const RUN_FOLDER = '/run/membrane';
const SOCKET = 'admin.sock';

export type FoundAgent = {
  /** Empty for one that was named by its socket. */
  readonly node: string;
  readonly socketPath: string;
};

/**
 * The agents to ask: --socket, else --node, else all of this machine. Of several, those that do not answer do not count, and
 * are in `silent`; of one, its own error says more. Never none: E_CLI_NO_AGENT.
 */
export async function findAgents(
  options: Pick<GlobalOptions, 'socket' | 'node'>,
  folder = process.env.MEMBRANE_RUN_DIR ?? RUN_FOLDER,
): Promise<{ readonly agents: readonly FoundAgent[]; readonly silent: readonly FoundAgent[] }> {
  const { socket, node } = options;
  if (socket !== undefined) return { agents: [{ node: '', socketPath: socket }], silent: [] };
  if (node !== undefined) {
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(node))
      throw cliErrors.make('E_CLI_USAGE', { detail: `--node ${JSON.stringify(node)} is not a node name` });
    return { agents: [{ node, socketPath: join(folder, node, SOCKET) }], silent: [] };
  }
  const found = (await socketsIn(folder)).map((socketPath) => ({
    node: socketPath.slice(folder.length + 1, -SOCKET.length - 1),
    socketPath,
  }));
  if (found.length === 0) throw cliErrors.make('E_CLI_NO_AGENT', { detail: `${folder}/*/${SOCKET} does not exist` });
  if (found.length === 1) return { agents: found, silent: [] };
  const answers = await Promise.all(found.map(({ socketPath }) => isAnswering(socketPath)));
  const alive = found.filter((_, i) => answers[i]);
  if (alive.length === 0) return { agents: found.slice(0, 1), silent: found.slice(1) };
  return { agents: alive, silent: found.filter((_, i) => !answers[i]) };
}

/** The socket of the one agent to ask: as `findAgents`, and E_CLI_SEVERAL_AGENTS for several. */
export async function findAgent(options: Pick<GlobalOptions, 'socket' | 'node'>, folder?: string): Promise<string> {
  const { agents } = await findAgents(options, folder);
  const [only, ...others] = agents;
  if (only === undefined || others.length > 0)
    throw cliErrors.make('E_CLI_SEVERAL_AGENTS', { detail: agents.map(({ node }) => node).join(', ') });
  return only.socketPath;
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

async function isAnswering(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = net.connect({ path });
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  const answer = await promise;
  socket.destroy();
  return answer;
}
