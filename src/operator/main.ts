import { flushCompileCache } from 'node:module';
import type { Settings } from '../base/configuration.ts';
import { errorMessage, isMembraneError, Lifecycle } from '../base/index.ts';
import { createLogger } from '../base/logging.ts';
import { configKeys, type OperatorConfig, readConfig } from './config.ts';
import { startOperator } from './modules.ts';

export { configKeys };

const EXIT = { ok: 0, usage: 2, failure: 4 } as const;

/** Runs until SIGTERM or SIGINT. The exit code: 0, 2 for a configuration that is wrong, 4 for everything else. */
export async function runOperator({ settings }: { readonly settings: Settings }): Promise<number> {
  let config: OperatorConfig;
  try {
    config = readConfig(settings);
  } catch (error) {
    return report(error, EXIT.usage);
  }
  const { level, file } = config.log;
  const log = createLogger({ level, ...(file === undefined ? {} : { destination: file }) });
  const lifecycle = new Lifecycle({ log });
  const { promise: ended, resolve: stop } = Promise.withResolvers<void>();
  const end = (): void => stop();
  process.once('SIGTERM', end).once('SIGINT', end);
  try {
    await startOperator(config, lifecycle, log);
    flushCompileCache();
    await ended;
    log.info({}, 'operator stops');
    return EXIT.ok;
  } catch (error) {
    log.error({ error: errorMessage(error) }, 'operator ends');
    return report(error, EXIT.failure);
  } finally {
    process.off('SIGTERM', end).off('SIGINT', end);
    await lifecycle.stop();
  }
}

function report(error: unknown, code: number): number {
  const remedy = isMembraneError(error) ? `\n  ${error.remedy}` : '';
  process.stderr.write(`membrane operator: ${errorMessage(error)}${remedy}\n`);
  return code;
}
