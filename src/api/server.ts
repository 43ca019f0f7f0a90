import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { boundSilent, type Lifecycle, type Logger, type Service, silentLogger } from '../base/index.ts';
import type { AdminApi } from './admin.ts';
import { createAdminApp } from './app.ts';
import { giveSignsOfLife, type SignsOfLife } from './signs-of-life.ts';
import { listenOnSocket } from './socket.ts';

export {
  type Caller,
  type ClusterFlowQuery,
  type ClusterFlows,
  type ClusterInventory,
  type ClusterNode,
  type ClusterProof,
  type ClusterRemedy,
  type Collector,
  type FlowLines,
  type FlowLogs,
  type HubblePeer,
  HubbleServer,
  type HubbleSource,
  type HubbleTeller,
  type HubbleTls,
  hearFlows,
  linkSecrets,
  type NodeProver,
  openClusterFlows,
  openFlowCollector,
  openFlowLines,
  openNodeTeller,
  openRelayTeller,
  type RelayCounts,
  type RelayNodes,
  type ShownRequest,
} from './hubble/index.ts';
export { isLoopback } from './loopback.ts';
export { ndjsonStream } from './ndjson.ts';
export { packetText } from './packet-text.ts';

const MAX_SILENT = 64;
const SIGNS_OF_LIFE: SignsOfLife = { everyMs: 2_000, mostMs: 120_000 };

export type AdminServerOptions = {
  readonly admin: AdminApi;
  /** `/run/membrane/<node>/admin.sock` */
  readonly socketPath: string;
  readonly log?: Logger;
  readonly signsOfLife?: SignsOfLife;
};

/** The admin API on a unix socket that only its owner (root) opens. */
export class AdminServer implements Service {
  readonly #options: AdminServerOptions;
  readonly #stopping = new AbortController();
  #server: Server | undefined;
  #release: (() => Promise<void>) | undefined;

  constructor(options: AdminServerOptions) {
    this.#options = options;
  }

  /** E_API_AGENT_RUNNING when a live agent has the socket; E_API_SOCKET when it cannot be made. */
  async start(_lifecycle?: Lifecycle): Promise<void> {
    const { admin, socketPath, log = silentLogger, signsOfLife = SIGNS_OF_LIFE } = this.#options;
    const app = createAdminApp({ admin, log, signal: this.#stopping.signal });
    const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    server.keepAliveTimeout = 5_000;
    boundSilent(server, MAX_SILENT);
    giveSignsOfLife(server, signsOfLife);
    this.#release = await listenOnSocket(server, socketPath);
    this.#server = server;
  }

  /** Ends streams, closes connections, removes the socket. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the agent stops'));
    await this.#release?.();
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    server.closeIdleConnections();
    // Readers of streams get a moment to take their last lines.
    const force = setTimeout(() => server.closeAllConnections(), 500);
    await promise;
    clearTimeout(force);
  }
}
