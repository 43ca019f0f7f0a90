import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { HubbleServer, openRelayTeller } from '../api/server.ts';
import type { Settings } from '../base/configuration.ts';
import { errorMessage, isMembraneError, Lifecycle, type Logger, systemClock } from '../base/index.ts';
import { createLogger } from '../base/logging.ts';
import { configKeys, type RelayConfig, readConfig } from './config.ts';

export { configKeys };

const EXIT = { ok: 0, usage: 2, failure: 4 } as const;

/** Runs until SIGTERM or SIGINT. The exit code: 0, 2 for a configuration that is wrong, 4 for everything else. */
export async function runRelay({ settings }: { readonly settings: Settings }): Promise<number> {
  let config: RelayConfig;
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
    await start(config, lifecycle, log);
    flushCompileCache();
    await ended;
    log.info({}, 'relay stops');
    return EXIT.ok;
  } catch (error) {
    log.error({ error: errorMessage(error) }, 'relay ends');
    return report(error, EXIT.failure);
  } finally {
    process.off('SIGTERM', end).off('SIGINT', end);
    await lifecycle.stop();
  }
}

async function start(config: RelayConfig, lifecycle: Lifecycle, log: Logger): Promise<void> {
  const { peerService, peerServerName: serverName, nodes, listen } = config;
  const { host, port, certFile, keyFile, clientCaFile } = listen;
  const version = (
    JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  ).version;
  const { links, teller } = await openRelayTeller({
    peerService,
    serverName,
    secrets: () => secretsOf(nodes),
    clock: systemClock,
    log,
    version,
  });
  // What cannot be read is said now, not when the first node comes.
  secretsOf(nodes);
  const tls =
    certFile === undefined || keyFile === undefined || clientCaFile === undefined
      ? undefined
      : { certFile, keyFile, clientCaFile };
  const server = new HubbleServer({ teller: async () => teller, socketPath: undefined, tcp: { host, port, tls }, log });
  await lifecycle.start(links, server);
  log.info({ host, port: server.port, peerService }, 'relay serves');
}

/** Read anew for each node that comes: files are replaced while they hold. */
function secretsOf({ certFile, keyFile, caFile }: RelayConfig['nodes']) {
  if (certFile === undefined || keyFile === undefined || caFile === undefined) return undefined;
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), ca: readFileSync(caFile) };
}

function report(error: unknown, code: number): number {
  const remedy = isMembraneError(error) ? `\n  ${error.remedy}` : '';
  process.stderr.write(`membrane relay: ${errorMessage(error)}${remedy}\n`);
  return code;
}
