import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { isLoopback } from '../api/server.ts';
import { boundSilent, errorMessage, type Lifecycle, type Logger, type Service } from '../base/index.ts';
import type { AgentList } from './agent-links.ts';
import { uiErrors } from './errors.ts';
import { FlowFeed } from './flow-feed.ts';
import { InventoryWatch } from './inventory.ts';
import { pageApp } from './page-app.ts';
import { type PageFile, pageFiles } from './page-files.ts';
import type { Viewer } from './view-stream.ts';

const MAX_SILENT = 64;

export type PageServerOptions = {
  readonly agents: AgentList;
  readonly viewer: Viewer;
  /** An address of loopback (E_UI_HOST). */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly version: string;
  readonly log: Logger;
  /** Default: what is built. */
  readonly files?: ReadonlyMap<string, PageFile>;
};

/** The page over plain HTTP on loopback. */
export class PageServer implements Service {
  readonly #o: PageServerOptions;
  readonly #stopping = new AbortController();
  readonly #feed: FlowFeed;
  #server: Server | undefined;

  constructor(options: PageServerOptions) {
    this.#o = options;
    this.#feed = new FlowFeed(options);
  }

  /** Empty before the start. */
  get url(): string {
    const bound = this.#server?.address();
    if (bound === null || bound === undefined || typeof bound === 'string') return '';
    return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}/`;
  }

  /** E_UI_HOST, E_UI_NOT_BUILT, E_UI_PORT. */
  async start(lifecycle: Pick<Lifecycle, 'spawn'>): Promise<void> {
    const { agents, viewer, host, port, version, log, files = await pageFiles() } = this.#o;
    if (!isLoopback(host)) throw uiErrors.make('E_UI_HOST', { detail: host });
    const inventory = new InventoryWatch(agents);
    const sources = { agents, feed: this.#feed, inventory, version };
    const app = pageApp({ files, sources, viewer, log, signal: this.#stopping.signal });
    const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    boundSilent(server, MAX_SILENT);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (cause) {
      throw uiErrors.make('E_UI_PORT', { detail: `${host}:${port}: ${errorMessage(cause)}`, cause });
    }
    this.#server = server;
    inventory.start(lifecycle);
  }

  /** Ends streams and closes connections. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the page ends'));
    this.#feed.stop();
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    server.closeAllConnections();
    await promise;
  }
}
