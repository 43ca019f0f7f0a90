import type { Command } from 'commander';
import type { ApiClient } from '../api/index.ts';
import type { Agents } from './agents.ts';
import type { GlobalOptions } from './options.ts';
import { Output } from './output/index.ts';
import type { Roots } from './roots.ts';

/** What a command has to work with. Everything heavy is loaded when it is asked for. */
export type CommandContext = {
  readonly out: Output;
  readonly roots: Roots;
  readonly version: string;
  /** The command line with every verb; the one that runs has its own only. */
  readonly wholeProgram: () => Promise<Command>;
  /** From now on Ctrl-C and SIGTERM abort the signal instead of ending the process. */
  readonly onInterrupt: () => AbortSignal;
  /** The one agent to ask; E_CLI_SEVERAL_AGENTS where several run and none is named. */
  readonly connect: () => Promise<ApiClient>;
  /** All agents of this machine, or the one that is named. One that does not answer is told on standard error. */
  readonly connectAll: () => Promise<Agents>;
  /** What the process will exit with; the last call counts. */
  readonly exit: (code: number) => void;
};

export function createContext({
  globals,
  roots,
  version,
  wholeProgram,
}: Pick<CommandContext, 'roots' | 'version' | 'wholeProgram'> & {
  readonly globals: () => GlobalOptions;
}): CommandContext {
  return {
    out: new Output({ stream: process.stdout, env: process.env, options: globals }),
    roots,
    version,
    wholeProgram,
    onInterrupt: () => {
      const controller = new AbortController();
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort(new Error(name)));
      return controller.signal;
    },
    connect: async () => {
      const [{ findAgent }, { apiClient }] = await Promise.all([import('./find-agent.ts'), import('../api/client.ts')]);
      return apiClient({ socketPath: await findAgent(globals()) });
    },
    connectAll: async () => {
      const [{ findAgents }, { apiClient }, { Agents }] = await Promise.all([
        import('./find-agent.ts'),
        import('../api/client.ts'),
        import('./agents.ts'),
      ]);
      const { agents, silent } = await findAgents(globals());
      for (const { node } of silent) process.stderr.write(`membrane: the agent of ${node} does not answer\n`);
      return new Agents(
        agents.map(({ node, socketPath }) => ({ node, client: apiClient({ socketPath }) })),
        silent.map(({ node }) => node),
      );
    },
    exit: (code) => {
      process.exitCode = code;
    },
  };
}
