import { linkSecrets, openClusterFlows } from '../api/server.ts';
import type { Settings } from '../base/configuration.ts';
import { packageVersion } from '../base/home.ts';
import { type Lifecycle, type Logger, systemClock } from '../base/index.ts';
import { runProgram } from '../base/program.ts';
import { tokenOwner } from '../kube/index.ts';
import { AgentLinks } from './agent-links.ts';
import { clusterDoor } from './cluster-door.ts';
import { configKeys, readConfig, type UiConfig } from './config.ts';
import type { Door } from './door.ts';
import { uiErrors } from './errors.ts';
import { OpenDoor } from './open-door.ts';
import { PageServer } from './page-server.ts';

export { configKeys };

export type UiOptions = {
  readonly settings: Settings;
  /** Told where it is, once it serves. */
  readonly onServing: (url: string) => void;
};

/** Its exit code, see `runProgram`. */
export async function runUi({ settings, onServing }: UiOptions): Promise<number> {
  return await runProgram({
    name: 'ui',
    readConfig: () => readConfig(settings),
    start: async (config, lifecycle, log) => onServing(await start(config, lifecycle, log)),
  });
}

async function start(config: UiConfig, lifecycle: Lifecycle, log: Logger): Promise<string> {
  const { host, port, names, certFile, keyFile, clientCaFile } = config.listen;
  const version = packageVersion();
  const door = await (config.peerService === undefined
    ? doorOfSandbox(config, lifecycle, log)
    : doorOfCluster({ ...config, peerService: config.peerService }, { lifecycle, log, version }));
  const tls = certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile, clientCaFile };
  const server = new PageServer({ door, host, port, names, tls, version, log });
  await lifecycle.start(server);
  log.info({ url: server.url }, 'page serves');
  return server.url;
}

async function doorOfSandbox({ agentsDir, sandboxDir }: UiConfig, lifecycle: Lifecycle, log: Logger): Promise<Door> {
  const agents = new AgentLinks({ agentsDir, sandboxDir });
  await lifecycle.start(agents);
  if (agents.all.length === 0) throw uiErrors.make('E_UI_NOT_SANDBOX', { detail: sandboxDir });
  const door = new OpenDoor({ agents, log });
  await lifecycle.start(door);
  return door;
}

type Surroundings = { readonly lifecycle: Lifecycle; readonly log: Logger; readonly version: string };

async function doorOfCluster(
  config: UiConfig & { readonly peerService: string },
  { lifecycle, log, version }: Surroundings,
): Promise<Door> {
  const { peerService, peerServerName: serverName, nodes, listen, kubeconfig, apiServer } = config;
  const { links, flows } = await openClusterFlows({
    peerService,
    serverName,
    secrets: () => linkSecrets(nodes),
    identify: tokenOwner({ kubeconfig, apiServer, knowsCertificates: listen.clientCaFile !== undefined }),
    clock: systemClock,
    log,
    version,
  });
  // What cannot be read is said now, not when the first node comes.
  linkSecrets(nodes);
  await lifecycle.start(links);
  return clusterDoor(flows, systemClock);
}
