import { metricsServer } from '../api/index.ts';
import { HubbleServer, linkSecrets, openRelayTeller } from '../api/server.ts';
import type { Settings } from '../base/configuration.ts';
import { packageVersion } from '../base/home.ts';
import { type Lifecycle, type Logger, systemClock } from '../base/index.ts';
import { createRegistry } from '../base/metrics.ts';
import { runProgram } from '../base/program.ts';
import { tokenOwner } from '../kube/index.ts';
import { configKeys, type RelayConfig, readConfig } from './config.ts';
import { relayLags, relayMetrics } from './relay-metrics.ts';

export { configKeys };

/** Its exit code, see `runProgram`. */
export async function runRelay({ settings }: { readonly settings: Settings }): Promise<number> {
  return await runProgram({ name: 'relay', readConfig: () => readConfig(settings), start });
}

async function start(config: RelayConfig, lifecycle: Lifecycle, log: Logger): Promise<void> {
  const { peerService, peerServerName: serverName, nodes, listen, kubeconfig, apiServer, metrics } = config;
  const { host, port, certFile, keyFile, clientCaFile } = listen;
  const version = packageVersion();
  const registry = createRegistry();
  const { links, teller, counts } = await openRelayTeller({
    peerService,
    serverName,
    secrets: () => linkSecrets(nodes),
    clock: systemClock,
    log,
    version,
    lags: relayLags(registry),
  });
  // What cannot be read is said now, not when the first node comes.
  linkSecrets(nodes);
  const tls = certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile, clientCaFile };
  const server = new HubbleServer({
    teller: async () => teller,
    socketPath: undefined,
    tcp: { host, port, tls, isOpen: listen.open },
    identify: listen.open
      ? undefined
      : tokenOwner({ kubeconfig, apiServer, knowsCertificates: clientCaFile !== undefined }),
    log,
  });
  relayMetrics(registry, { links, counts });
  const told = metrics.enabled ? metricsServer(registry, metrics) : undefined;
  await lifecycle.start(links, server, ...(told === undefined ? [] : [told]));
  log.info({ host, port: server.port, metrics: told?.address()?.port, peerService }, 'relay serves');
}
