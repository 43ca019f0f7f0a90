import { readFileSync } from 'node:fs';
import { openClusterFlows } from '../api/server.ts';
import type { Settings } from '../base/configuration.ts';
import { type Lifecycle, type Logger, systemClock } from '../base/index.ts';
import { runProgram } from '../base/program.ts';
import { findConnection, KubeClient, Reviews } from '../kube/index.ts';
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
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
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
  const { peerService, peerServerName: serverName, nodes } = config;
  const { links, flows } = await openClusterFlows({
    peerService,
    serverName,
    secrets: () => secretsFor(nodes),
    identify: identifyBy(config),
    clock: systemClock,
    log,
    version,
  });
  // What cannot be read is said now, not when the first node comes.
  secretsFor(nodes);
  await lifecycle.start(links);
  return clusterDoor(flows, systemClock);
}

/** Who asks nobody knows no tokens: he serves who shows a certificate. */
function identifyBy({ kubeconfig, apiServer, listen }: UiConfig) {
  try {
    const reviews = new Reviews(new KubeClient(findConnection({ kubeconfig, apiServer })));
    return async (token: string) => await reviews.ofToken(token);
  } catch (error) {
    if (kubeconfig === undefined && listen.clientCaFile !== undefined) return undefined;
    throw error;
  }
}

/** Read anew for each node that comes: files are replaced while they hold. */
function secretsFor({ certFile, keyFile, caFile }: UiConfig['nodes']) {
  if (certFile === undefined || keyFile === undefined || caFile === undefined) return undefined;
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), ca: readFileSync(caFile) };
}
