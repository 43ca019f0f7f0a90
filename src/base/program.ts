import { keepCompiledCode } from './compiled-code.ts';
import { errorMessage, isMembraneError } from './errors.ts';
import { Lifecycle } from './lifecycle.ts';
import type { Logger, LogLevel } from './log.ts';
import { createLogger } from './logging.ts';

export const EXIT = { ok: 0, usage: 2, failure: 4 } as const;

export type Program<Config> = {
  /** As its command is called. */
  readonly name: string;
  /** Throws what is wrong with it. */
  readonly readConfig: () => Config;
  /** Resolves when it serves; what it is made of ends with the lifecycle. */
  readonly start: (config: Config, lifecycle: Lifecycle, log: Logger) => Promise<void>;
  /** What it has to itself from before its start until everything has ended. */
  readonly hold?: (config: Config) => { readonly release: () => void };
  /** Ends it as SIGTERM does. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Runs a program of ours until SIGTERM, SIGINT or its signal. The exit code: 0, 2 for a configuration that is wrong, 4 for
 * everything else.
 */
export async function runProgram<Config extends { readonly log: { level: LogLevel; file?: string | undefined } }>(
  program: Program<Config>,
): Promise<number> {
  const { name, start, hold, signal } = program;
  let config: Config;
  try {
    config = program.readConfig();
  } catch (error) {
    return reportFailure(name, error, EXIT.usage);
  }
  const { level, file } = config.log;
  let log: Logger;
  try {
    log = createLogger({ level, ...(file === undefined ? {} : { destination: file }) });
  } catch (error) {
    return reportFailure(name, new Error(`log.file: ${errorMessage(error)}`), EXIT.usage);
  }
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  signal?.addEventListener('abort', stop, { once: true });
  process.once('SIGTERM', stop).once('SIGINT', stop);
  try {
    const held = hold?.(config);
    const lifecycle = new Lifecycle({ log });
    try {
      await start(config, lifecycle, log);
      // A killed program writes no cache, and compiling again costs the next one 20 MB and half a second.
      keepCompiledCode();
      await ended;
      log.info({}, `${name} stops`);
      return EXIT.ok;
    } finally {
      await lifecycle.stop();
      held?.release();
    }
  } catch (error) {
    log.error({ error: errorMessage(error) }, `${name} ends`);
    return reportFailure(name, error, EXIT.failure);
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop);
  }
}

/** Says why a program ends; gives its exit code. */
export function reportFailure(name: string, error: unknown, code: number): number {
  const remedy = isMembraneError(error) ? `\n  ${error.remedy}` : '';
  process.stderr.write(`membrane ${name}: ${errorMessage(error)}${remedy}\n`);
  return code;
}
