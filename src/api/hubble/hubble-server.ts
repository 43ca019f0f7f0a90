import { constants } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import http2, { type Http2SecureServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';
import {
  errorMessage,
  type Lifecycle,
  type Logger,
  type Service,
  SilentConnections,
  systemClock,
} from '../../base/index.ts';
import { isLoopback } from '../loopback.ts';
import { listenOnSocket } from '../socket.ts';
import type { Entrance, Identify } from './authenticate.ts';
import { hubbleErrors } from './errors.ts';
import type { Handler } from './router.ts';
import type { HubbleTeller } from './teller.ts';

/** Clients that ask nothing; of more the longest silent goes. */
const MAX_SILENT = 64;
const MAX_CONNECTIONS = 256;
/** What one client may ask at a time. */
const MAX_STREAMS = 32;
const TRUSTED: Entrance = { kind: 'trusted' };
/** Certificates are replaced while they hold. */
const LOOK_AT_FILES_MS = 10_000;
const LOOK_FOR_FILES_MS = 1_000;

export type HubbleTls = {
  readonly certFile: string;
  readonly keyFile: string;
  /** Of users, who see what their rights are. Undefined: none shows a certificate. */
  readonly clientCaFile?: string | undefined;
  /** Of relays and of nobody else: they see all, and say for whom they ask. */
  readonly relayCaFile?: string | undefined;
};

export type HubbleTcp = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls?: HubbleTls | undefined;
  /** Whoever reaches it sees all; only on loopback. */
  readonly isOpen?: boolean | undefined;
};

export type HubbleServerOptions = {
  /** Asked when somebody first asks: what speaks the protocol is not loaded before. */
  readonly teller: () => Promise<HubbleTeller>;
  /** Undefined: over TCP only. */
  readonly socketPath: string | undefined;
  /** Also over TCP; without TLS only on loopback (E_HUBBLE_HOST). */
  readonly tcp?: HubbleTcp | undefined;
  /** Whose a token is. Undefined: nobody shows one. */
  readonly identify?: Identify | undefined;
  readonly log: Logger;
};

/**
 * Hubble's observer API: on a unix socket that only its owner (root) opens, who sees all, and, where that is wanted, over TCP for
 * whoever shows who he is. What speaks the protocol is loaded when somebody first asks.
 */
export class HubbleServer implements Service {
  readonly #o: HubbleServerOptions;
  readonly #stopping = new AbortController();
  readonly #servers: (Http2Server | Http2SecureServer)[] = [];
  readonly #sessions = new Set<ServerHttp2Session>();
  #tcp: Http2Server | Http2SecureServer | undefined;
  #release: (() => Promise<void>) | undefined;
  #handler: Promise<Handler> | undefined;
  #relayCa: string | undefined;

  constructor(options: HubbleServerOptions) {
    this.#o = options;
  }

  /** Undefined before the start, and where nothing listens on TCP. */
  get port(): number | undefined {
    const bound = this.#tcp?.address();
    return bound === null || bound === undefined || typeof bound === 'string' ? undefined : bound.port;
  }

  /** E_API_AGENT_RUNNING, E_API_SOCKET; E_HUBBLE_HOST, E_HUBBLE_PORT, E_HUBBLE_TLS. */
  async start(lifecycle: Pick<Lifecycle, 'spawn'>): Promise<void> {
    const { socketPath, tcp } = this.#o;
    if (tcp !== undefined && (tcp.tls === undefined || tcp.isOpen === true) && !isLoopback(tcp.host))
      throw hubbleErrors.make('E_HUBBLE_HOST', { detail: tcp.host });
    if (socketPath !== undefined) {
      const local = this.#prepared(http2.createServer({ settings: { maxConcurrentStreams: MAX_STREAMS } }), TRUSTED);
      this.#release = await listenOnSocket(local, socketPath);
    }
    if (tcp === undefined) return;
    if (tcp.tls === undefined || areThere(tcp.tls)) await this.#listen(tcp, lifecycle);
    else
      lifecycle.spawn(
        'certificate of flows awaited',
        async (signal) => await this.#listenLater(tcp, lifecycle, signal),
      );
  }

  /** Ends streams, closes connections, removes the socket. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the agent stops'));
    await this.#release?.();
    // Readers of streams get a moment to take their last words.
    const force = setTimeout(() => this.#sessions.forEach((session) => session.destroy()), 500);
    for (const session of this.#sessions) session.close();
    await Promise.all(this.#servers.splice(0).map(closed));
    clearTimeout(force);
  }

  /** Whoever makes certificates may be later than the first who shows one. */
  async #listenLater(tcp: HubbleTcp, lifecycle: Pick<Lifecycle, 'spawn'>, signal: AbortSignal): Promise<void> {
    const { tls } = tcp;
    this.#o.log.info({ certFile: tls?.certFile }, 'flows are not told over TCP before there is a certificate');
    while (tls !== undefined && !areThere(tls)) {
      await systemClock.sleep(LOOK_FOR_FILES_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
    await this.#listen(tcp, lifecycle);
    this.#o.log.info({ port: this.port }, 'flows are told over TCP');
  }

  async #listen(tcp: NonNullable<HubbleServerOptions['tcp']>, lifecycle: Pick<Lifecycle, 'spawn'>): Promise<void> {
    const { host, port, tls } = tcp;
    const settings = { maxConcurrentStreams: MAX_STREAMS };
    const entrance: Entrance = tcp.isOpen === true ? TRUSTED : { kind: 'port', relayCa: () => this.#relayCa };
    this.#relayCa = tls === undefined ? undefined : textOf(tls.relayCaFile);
    const server = this.#prepared(
      tls === undefined ? http2.createServer({ settings }) : secureServer(tls, settings),
      entrance,
    );
    this.#tcp = server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    (server as Server).listen({ host, port }, resolve);
    try {
      await promise;
    } catch (cause) {
      throw hubbleErrors.make('E_HUBBLE_PORT', { detail: `${host}:${port}: ${errorMessage(cause)}`, cause });
    }
    if (tls === undefined) return;
    lifecycle.spawn(
      'certificate of flows',
      async (signal) => await this.#renew(server as Http2SecureServer, tls, signal),
    );
  }

  #prepared<S extends Http2Server | Http2SecureServer>(server: S, entrance: Entrance): S {
    const silent = new SilentConnections(MAX_SILENT);
    (server as Server).maxConnections = MAX_CONNECTIONS;
    server.on('request', (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => {
      void this.#answer(request, response, entrance);
    });
    server.on('session', (session: ServerHttp2Session) => {
      let open = 0;
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      // Whatever a client sends that is no HTTP/2 ends its own connection.
      session.on('error', () => undefined);
      silent.add(session);
      session.on('stream', (stream) => {
        open += 1;
        silent.spoke(session);
        stream.on('error', () => undefined);
        stream.once('close', () => {
          open -= 1;
          if (open === 0) silent.add(session);
        });
      });
    });
    server.on('sessionError', () => undefined);
    this.#servers.push(server);
    return server;
  }

  async #answer(
    request: http2.Http2ServerRequest,
    response: http2.Http2ServerResponse,
    entrance: Entrance,
  ): Promise<void> {
    const { log, identify } = this.#o;
    try {
      const { authenticate } = await import('./authenticate.ts');
      const caller = async () => await authenticate(request, entrance, identify);
      const handle = await this.#loaded();
      await handle(request, response, caller);
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'flows could not be served');
      response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    }
  }

  /** What cannot be loaded now may be when the next asks: a file that is away, or too many that are open. */
  async #loaded(): Promise<Handler> {
    this.#handler ??= this.#open();
    try {
      return await this.#handler;
    } catch (error) {
      this.#handler = undefined;
      throw error;
    }
  }

  async #open(): Promise<Handler> {
    const { teller, log } = this.#o;
    const { hubbleHandler } = await import('./router.ts');
    return hubbleHandler(await teller(), this.#stopping.signal, log);
  }

  /** A file that cannot be used leaves the last one that could. */
  async #renew(server: Http2SecureServer, tls: HubbleTls, signal: AbortSignal): Promise<void> {
    let seen = stampOf(tls);
    while (!signal.aborted) {
      await systemClock.sleep(LOOK_AT_FILES_MS, signal).catch(() => undefined);
      const now = stampOf(tls);
      if (signal.aborted || now === seen) continue;
      seen = now;
      try {
        server.setSecureContext(secrets(tls));
        this.#relayCa = textOf(tls.relayCaFile);
      } catch (error) {
        this.#o.log.error(
          { error: errorMessage(error) },
          'the new certificate of flows cannot be used; the last goes on',
        );
      }
    }
  }
}

function secureServer(tls: HubbleTls, settings: http2.Settings): Http2SecureServer {
  try {
    const own = secrets(tls);
    return http2.createSecureServer({
      ...own,
      settings,
      minVersion: 'TLSv1.2',
      // Hubble's own client ends where it is asked for a certificate and has none.
      requestCert: own.ca.length > 0,
      // Who shows none may show a token; one that does not hold is refused when it is shown.
      rejectUnauthorized: false,
      // A session that is taken up again shows no certificate.
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
  } catch (cause) {
    throw hubbleErrors.make('E_HUBBLE_TLS', { detail: errorMessage(cause), cause });
  }
}

/** Without an authority of anybody no certificate of a client holds. */
function secrets({ certFile, keyFile, clientCaFile, relayCaFile }: HubbleTls) {
  const ca = [clientCaFile, relayCaFile].flatMap((path) => textOf(path) ?? []);
  return { cert: readFileSync(certFile), key: readFileSync(keyFile), ca };
}

const textOf = (path: string | undefined): string | undefined =>
  path === undefined ? undefined : readFileSync(path, 'utf8');

function areThere({ certFile, keyFile, clientCaFile, relayCaFile }: HubbleTls): boolean {
  return [certFile, keyFile, clientCaFile, relayCaFile].every((path) => path === undefined || existsSync(path));
}

function stampOf({ certFile, keyFile, clientCaFile, relayCaFile }: HubbleTls): string {
  return [certFile, keyFile, clientCaFile, relayCaFile]
    .filter((path) => path !== undefined)
    .map((path) => statSync(path, { throwIfNoEntry: false }))
    .map((stat) => (stat === undefined ? 'none' : `${stat.ino} ${stat.mtimeMs}`))
    .join(', ');
}

async function closed(server: Http2Server | Http2SecureServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  await promise;
}
