import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createAdaptorServer } from '@hono/node-server';
import { isLoopback } from '../api/server.ts';
import {
  boundSilent,
  type Clock,
  errorMessage,
  type Lifecycle,
  type Logger,
  type Service,
  systemClock,
} from '../base/index.ts';
import type { Door } from './door.ts';
import { uiErrors } from './errors.ts';
import { pageApp } from './page-app.ts';
import { type PageFile, pageFiles } from './page-files.ts';
import { keepCertificate, type PageTls, secretsOf } from './page-tls.ts';

/** What a connection may take until it has said what it wants. */
export type PageLimits = {
  /** For its first line and headers. */
  readonly headersMs: number;
  /** For all of it; at least `headersMs`. */
  readonly requestMs: number;
  readonly checkedEveryMs: number;
  /** So many say nothing at a time, and eight times as many are open. */
  readonly silent: number;
};

const LIMITS: PageLimits = { headersMs: 10_000, requestMs: 30_000, checkedEveryMs: 5_000, silent: 64 };

/** A filter and as many mutes as there may be, each of the longest names. */
const MOST_HEADER_BYTES = 65_536;

export type PageServerOptions = {
  readonly door: Door;
  /** Off loopback only with TLS and a door that asks who looks (E_UI_HOST). */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** By which browsers reach it, beside those of loopback. */
  readonly names?: readonly string[];
  readonly tls?: PageTls | undefined;
  readonly version: string;
  readonly log: Logger;
  /** Default: what is built. */
  readonly files?: ReadonlyMap<string, PageFile>;
  /** Default: 10 s, 30 s, 64. */
  readonly limits?: PageLimits;
  /** By which the files of certificates are looked at. Default: the machine's. */
  readonly clock?: Clock;
};

/** The page over HTTP: plain on loopback, else with TLS. */
export class PageServer implements Service {
  readonly #o: PageServerOptions;
  readonly #stopping = new AbortController();
  #server: Server | undefined;

  constructor(options: PageServerOptions) {
    this.#o = options;
  }

  /** Empty before the start. */
  get url(): string {
    const bound = this.#server?.address();
    if (bound === null || bound === undefined || typeof bound === 'string') return '';
    const scheme = this.#o.tls === undefined ? 'http' : 'https';
    return `${scheme}://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}/`;
  }

  /** E_UI_HOST, E_UI_NOT_BUILT, E_UI_PORT, E_UI_TLS. */
  async start(lifecycle: Pick<Lifecycle, 'spawn'>): Promise<void> {
    const { door, host, port, names = [], tls, version, log, files = await pageFiles() } = this.#o;
    const { limits = LIMITS, clock = systemClock } = this.#o;
    if (!isLoopback(host) && (tls === undefined || door.login === undefined))
      throw uiErrors.make('E_UI_HOST', { detail: host });
    const guarded = { names, isSecure: tls !== undefined };
    const app = pageApp({ files, door, guarded, version, log, signal: this.#stopping.signal });
    const bounds = {
      maxHeaderSize: MOST_HEADER_BYTES,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      connectionsCheckingInterval: limits.checkedEveryMs,
    };
    const how =
      tls === undefined
        ? { createServer, serverOptions: bounds }
        : { createServer: createSecureServer, serverOptions: { ...bounds, ...secretsOf(tls) } };
    const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false, ...how }) as Server;
    boundSilent(server, limits.silent);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (cause) {
      throw uiErrors.make('E_UI_PORT', { detail: `${host}:${port}: ${errorMessage(cause)}`, cause });
    }
    this.#server = server;
    if (tls !== undefined) keepCertificate(server, tls, { lifecycle, clock, log });
  }

  /** Ends streams and closes connections. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the page ends'));
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    server.closeAllConnections();
    await promise;
  }
}
