import type { ApiClient } from '../api/index.ts';
import type { GlobalOptions } from './options.ts';
import { Output } from './output/index.ts';
import type { Roots } from './roots.ts';

/** What a command has to work with. Everything heavy is loaded when it is asked for. */
export type CommandContext = {
  readonly out: Output;
  readonly roots: Roots;
  readonly version: string;
  /** From now on Ctrl-C and SIGTERM abort the signal instead of ending the process. */
  readonly onInterrupt: () => AbortSignal;
  readonly connect: () => Promise<ApiClient>;
  /** What the process will exit with; the last call counts. */
  readonly exit: (code: number) => void;
};

export function createContext(options: {
  globals: () => GlobalOptions;
  roots: Roots;
  version: string;
}): CommandContext {
  const { globals, roots, version } = options;
  return {
    out: new Output({ stream: process.stdout, env: process.env, options: globals }),
    roots,
    version,
    onInterrupt: () => {
      const controller = new AbortController();
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort(new Error(name)));
      return controller.signal;
    },
    connect: async () => {
      const [{ findAgent }, { apiClient }] = await Promise.all([import('./find-agent.ts'), import('../api/client.ts')]);
      return apiClient({ socketPath: await findAgent(globals()) });
    },
    exit: (code) => {
      process.exitCode = code;
    },
  };
}
