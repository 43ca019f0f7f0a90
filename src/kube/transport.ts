import http from 'node:http';
import https from 'node:https';
import { addAbortSignal } from 'node:stream';
import { errorMessage, isMembraneError } from '../base/index.ts';
import type { ClientCertificate, KubeConnection, Presented } from './access/index.ts';
import { kubeErrors } from './errors.ts';

export type KubeRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path below the server, already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** Until the answer's headers, from when it is sent: finding the server and all handshakes are part of it. Default 30 s. */
  readonly timeoutMs?: number;
  /** Between two pieces of the answer's body. Default `timeoutMs`. */
  readonly idleMs?: number;
};

const DEFAULT_TIMEOUT_MS = 30_000;
/** Silence after which a peer is asked for a sign of life, once a second; ten without an answer end the connection. */
const KEEP_ALIVE_MS = 5_000;

/** HTTP to one API server over kept-alive connections. `open` gives the raw answer; the caller reads or destroys it. */
export class KubeTransport {
  readonly #connection: KubeConnection;
  #agent: http.Agent;
  /** What the agent's connections show of us, and whom they believe. */
  #certificate: ClientCertificate | undefined;
  #ca: string | undefined;
  #clockAhead: number | undefined;

  constructor(connection: KubeConnection) {
    this.#connection = connection;
    this.#ca = connection.ca;
    this.#agent = agentOf(connection, undefined, this.#ca);
  }

  get server(): string {
    return this.#connection.server.origin;
  }

  /** Milliseconds by which the clock here is ahead of the server's, to a second, as its last answer had it; undefined: none had. */
  get clockAhead(): number | undefined {
    return this.#clockAhead;
  }

  /** Closes idle connections; those in use close with their requests. */
  close(): void {
    this.#agent.destroy();
  }

  /** What broke one connection in silence broke the others too: they would only be found out one by one. */
  #forgetIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  /** Connections that show another certificate, or believe another authority, are not used again; what is under way on them goes on. */
  #show({ certificate, ca = this.#connection.ca }: Presented): http.Agent {
    if (certificate !== this.#certificate || ca !== this.#ca) {
      this.#forgetIdle();
      this.#agent = agentOf(this.#connection, certificate, ca);
      this.#certificate = certificate;
      this.#ca = ca;
    }
    return this.#agent;
  }

  /** Sends; on 401 once more with refreshed credentials. */
  async open(request: KubeRequest): Promise<http.IncomingMessage> {
    const { credentials } = this.#connection;
    request.signal?.throwIfAborted();
    const shown = await credentials.present();
    const response = await this.#sendAgain(request, shown);
    if (response.statusCode !== 401 || !credentials.refresh(shown)) return response;
    response.resume();
    return await this.#send(request, await credentials.present());
  }

  /** The server may close an idle connection just when we use it again: what only reads is sent once more. */
  async #sendAgain(request: KubeRequest, shown: Presented): Promise<http.IncomingMessage> {
    try {
      return await this.#send(request, shown);
    } catch (error) {
      if (request.method !== 'GET' || !wasReset(error)) throw error;
      return await this.#send(request, shown);
    }
  }

  async #send(request: KubeRequest, shown: Presented): Promise<http.IncomingMessage> {
    const { authorization } = shown;
    request.signal?.throwIfAborted();
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers: http.OutgoingHttpHeaders = {
      accept: 'application/json',
      'user-agent': 'membrane',
      ...this.#connection.headers,
    };
    if (authorization !== undefined) headers.authorization = authorization;
    if (body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = body.length;
    }
    const { server } = this.#connection;
    const { timeoutMs = DEFAULT_TIMEOUT_MS, idleMs = timeoutMs } = request;
    const what = `${request.method} ${server.origin}${request.path}`;
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    let answer: http.IncomingMessage | undefined;
    const sentAt = Date.now();
    const outgoing = (server.protocol === 'https:' ? https : http).request(
      {
        protocol: server.protocol,
        hostname: server.hostname.replace(/^\[|\]$/g, ''),
        port: server.port,
        method: request.method,
        path: server.pathname.replace(/\/$/, '') + request.path + queryText(request.query),
        agent: this.#show(shown),
        headers,
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      },
      (response) => {
        answer = response;
        clearTimeout(patience);
        this.#clockAhead = clockAhead(response.headers.date, sentAt) ?? this.#clockAhead;
        outgoing.setTimeout(idleMs);
        // Aborting the request alone would show as a broken connection in the middle of the body.
        if (request.signal !== undefined) addAbortSignal(request.signal, response);
        resolve(response);
      },
    );
    // A socket's own time-out begins once it is connected, and anew with TLS: the kernel tries for two minutes to reach
    // an address that swallows packets.
    const patience = setTimeout(() => {
      this.#forgetIdle();
      outgoing.destroy(kubeErrors.make('E_KUBE_TIMEOUT', { detail: `${what}, ${timeoutMs} ms` }));
    }, timeoutMs);
    // The agent's keep-alive is for idle connections only; a watch never is.
    outgoing.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    outgoing.on('timeout', () => {
      this.#forgetIdle();
      answer?.destroy(kubeErrors.make('E_KUBE_SILENT', { detail: `${what}, ${idleMs} ms` }));
    });
    outgoing.on('close', () => clearTimeout(patience));
    outgoing.on('error', (cause) => {
      if (request.signal?.aborted) reject(request.signal.reason as Error);
      else reject(transportError(cause, what));
    });
    outgoing.end(body);
    return await promise;
  }
}

/** Seconds are cut off, and it was written between the question and the answer: whatever can be right is no difference. */
function clockAhead(date: string | undefined, sentAt: number): number | undefined {
  const begin = Date.parse(date ?? '');
  if (Number.isNaN(begin)) return undefined;
  const [early, late] = [sentAt - (begin + 1_000), Date.now() - begin];
  return early > 0 ? early : Math.min(late, 0);
}

/** What broke below HTTP, as an error of ours. */
export function transportError(cause: unknown, what: string): Error {
  if (isMembraneError(cause)) return cause;
  return kubeErrors.make('E_KUBE_UNREACHABLE', { detail: `${what}: ${errorMessage(cause)}`, cause });
}

function wasReset(error: unknown): boolean {
  return error instanceof Error && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNRESET';
}

function queryText(query: KubeRequest['query']): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== '') params.set(key, String(value));
  }
  return params.size === 0 ? '' : `?${params.toString()}`;
}

function agentOf(
  connection: KubeConnection,
  certificate: ClientCertificate | undefined,
  ca: string | undefined,
): http.Agent {
  // maxSockets is left open: every watch holds one.
  const keepAlive = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxFreeSockets: 4, scheduling: 'lifo' } as const;
  if (connection.server.protocol !== 'https:') return new http.Agent(keepAlive);
  return new https.Agent({
    ...keepAlive,
    rejectUnauthorized: !connection.insecure,
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(connection.serverName === undefined ? {} : { servername: connection.serverName }),
    ...certificate,
  });
}
