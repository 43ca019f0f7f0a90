import { flushCompileCache } from 'node:module';
import type { Settings } from '../base/configuration.ts';
import { errorMessage, isMembraneError, Lifecycle, type Logger } from '../base/index.ts';
import { createLogger } from '../base/logging.ts';
import { cleanup } from './boot/index.ts';
import { agentErrors } from './errors.ts';
import { startAgent } from './modules.ts';
import { type AgentConfig, configKeys, readConfig, takeLock } from './node/index.ts';

export { configKeys };

export type RunAgentOptions = {
  /** Default: the environment alone. */
  readonly settings?: Settings;
  /** Remove everything that an agent made on this node, instead of serving it. */
  readonly cleanup?: boolean;
  /** Ends the agent as SIGTERM does. */
  readonly signal?: AbortSignal;
};

const EXIT = { ok: 0, usage: 2, failure: 4 } as const;

/**
 * Runs the agent until SIGTERM, SIGINT or the signal; the datapath goes on without it. The exit code: 0, 2 for a
 * configuration that is wrong, 4 for everything else.
 */
export async function runAgent(options: RunAgentOptions): Promise<number> {
  let config: AgentConfig;
  try {
    config = readConfig(options.settings ?? {});
  } catch (error) {
    return report(error, EXIT.usage);
  }
  if (options.cleanup === true) return await removeAll(config);
  const { level, file } = config.log;
  const log = createLogger({ level, ...(file === undefined ? {} : { destination: file }) });
  const end = Promise.withResolvers<void>();
  const stop = (): void => end.resolve();
  options.signal?.addEventListener('abort', stop, { once: true });
  process.once('SIGTERM', stop).once('SIGINT', stop);
  try {
    return await serve(config, log, end.promise);
  } catch (error) {
    log.error({ error: errorMessage(error) }, 'agent ends');
    return report(error, EXIT.failure);
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop);
  }
}

async function removeAll(config: AgentConfig): Promise<number> {
  try {
    const removed = await cleanup(config);
    const lines =
      removed.length === 0 ? ['nothing of an agent was on this node'] : removed.map((one) => `removed ${one}`);
    process.stdout.write(`${lines.join('\n')}\n`);
    return EXIT.ok;
  } catch (error) {
    return report(error, EXIT.failure);
  }
}

async function serve(config: AgentConfig, log: Logger, ended: Promise<void>): Promise<number> {
  if (process.geteuid?.() !== 0) throw agentErrors.make('E_AGENT_ROOT');
  const lock = takeLock(config.stateDir);
  const lifecycle = new Lifecycle({ log });
  try {
    await startAgent(config, lifecycle, log);
    // A killed agent writes no cache, and compiling again costs the next one 20 MB and half a second.
    flushCompileCache();
    await ended;
    log.info({}, 'agent stops; the datapath goes on');
    return EXIT.ok;
  } finally {
    await lifecycle.stop();
    lock.release();
  }
}

function report(error: unknown, code: number): number {
  const remedy = isMembraneError(error) ? `\n  ${error.remedy}` : '';
  process.stderr.write(`membrane agent: ${errorMessage(error)}${remedy}\n`);
  return code;
}
