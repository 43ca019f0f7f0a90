import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { namespacedName } from '../base/index.ts';
import type { KubeConnection } from './access/index.ts';

type FakeObject = {
  metadata: { namespace?: string; name: string; resourceVersion?: string } & Record<string, unknown>;
};
type Change = { version: number; collection: string; line: string };
type Watcher = { collection: string; response: http.ServerResponse; isList: boolean };

/** What the server does instead of answering properly. Each counts down by one a request; `undefined` = always good. */
export type FakeFaults = {
  /** Answer this many requests with this status. */
  status?: { code: number; times: number; reason?: string; retryAfter?: number };
  /** Break this many connections before answering. */
  resets?: number;
  /** Say nothing at all to this many requests. */
  silent?: number;
  /** Nothing of what changes goes to those who watch, and no watch ends. */
  swallow?: boolean;
  /** Its clock is so many milliseconds ahead. */
  ahead?: number;
  /** All of every watch. */
  watch?: string;
  /** All of every page of a list, as an answer that is well. */
  list?: string;
  /**
   * Streamed lists: `unknown` refuses them as a server before KEP-3157 does, `refused` and `failing` as one whose etcd has no
   * progress to tell of (instead of a stream, or in it), `endless` never says that all was told, `cut`
   * ends in the middle, this often. Default: served.
   */
  streams?: 'unknown' | 'refused' | 'failing' | 'endless' | { cut: number };
};

/**
 * An API server in memory, as far as a client can tell: list with pages, watch with history, bookmarks and 410. It speaks
 * real HTTP on a loopback port and can be told to misbehave.
 */
export class FakeApiServer {
  readonly #objects = new Map<string, Map<string, FakeObject>>();
  readonly #watchers = new Set<Watcher>();
  readonly #sockets = new Set<Socket>();
  readonly #server = http.createServer((request, response) => this.#answer(request, response));
  #history: Change[] = [];
  #version = 1;
  /** Watches from before this version get 410. */
  #oldest = 0;
  faults: FakeFaults = {};
  /** Requests seen, as `GET /api/v1/pods?limit=500`. */
  readonly requests: string[] = [];
  readonly authorizations: (string | undefined)[] = [];

  async start(): Promise<KubeConnection> {
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo;
    const server = new URL(`http://127.0.0.1:${port}`);
    const shown = { authorization: 'Bearer t' };
    const credentials = { present: async () => shown, refresh: () => false };
    return { server, insecure: false, credentials, namespace: 'default' };
  }

  async stop(): Promise<void> {
    this.dropConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Those of streamed lists are not among them. */
  get watches(): number {
    return this.#watchers.values().reduce((sum, { isList }) => sum + (isList ? 0 : 1), 0);
  }

  /** Creates or replaces. `collection` is a path, e.g. `/api/v1/pods`. */
  put(collection: string, object: FakeObject): void {
    const objects = this.#collection(collection);
    const key = keyOf(object);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#record(collection, objects.has(key) ? 'MODIFIED' : 'ADDED', stored);
    objects.set(key, stored);
  }

  remove(collection: string, namespace: string, name: string): void {
    const objects = this.#collection(collection);
    const key = namespacedName({ namespace, name });
    const object = objects.get(key);
    if (object === undefined) return;
    objects.delete(key);
    const version = String(++this.#version);
    this.#record(collection, 'DELETED', { ...object, metadata: { ...object.metadata, resourceVersion: version } });
  }

  /** Sends a line to every watcher of the collection as it is. */
  sendRaw(collection: string, line: string): void {
    if (this.faults.swallow === true) return;
    for (const watcher of this.#watchers) if (watcher.collection === collection) watcher.response.write(`${line}\n`);
  }

  /** Moves the version on without a change, and tells the watchers. */
  bookmark(collection: string): void {
    this.#version += 1;
    const object = { metadata: { resourceVersion: String(this.#version) } };
    this.sendRaw(collection, JSON.stringify({ type: 'BOOKMARK', object }));
  }

  /** Forgets the history: who watches from an older version is told 410. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#version;
  }

  /** Ends every watch as a server does that restarts gracefully. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #collection(path: string): Map<string, FakeObject> {
    const known = this.#objects.get(path) ?? new Map<string, FakeObject>();
    this.#objects.set(path, known);
    return known;
  }

  #record(collection: string, type: string, object: FakeObject): void {
    const line = JSON.stringify({ type, object });
    this.#history.push({ version: this.#version, collection, line });
    this.sendRaw(collection, line);
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.requests.push(`${request.method} ${request.url}`);
    this.authorizations.push(request.headers.authorization);
    if (this.faults.ahead !== undefined) {
      response.setHeader('date', new Date(Date.now() + this.faults.ahead).toUTCString());
    }
    if (this.#misbehaves(request, response)) return;
    const url = new URL(request.url ?? '/', 'http://fake');
    if (url.pathname === '/version') return sendJson(response, 200, { gitVersion: 'v1.0.0-fake' });
    if (url.searchParams.get('sendInitialEvents') === 'true') this.#stream(url, response);
    else if (url.searchParams.get('watch')) this.#watch(url, response);
    else this.#list(url, response);
  }

  #misbehaves(request: http.IncomingMessage, response: http.ServerResponse): boolean {
    const { status, resets = 0, silent = 0 } = this.faults;
    if (resets > 0) {
      this.faults.resets = resets - 1;
      request.socket.destroy();
      return true;
    }
    if (silent > 0) {
      this.faults.silent = silent - 1;
      return true;
    }
    if (status === undefined || status.times <= 0) return false;
    status.times -= 1;
    if (status.retryAfter !== undefined) response.setHeader('retry-after', String(status.retryAfter));
    sendStatus(response, status.code, status.reason);
    return true;
  }

  #list(url: URL, response: http.ServerResponse): void {
    const { list } = this.faults;
    if (list !== undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(list);
      return;
    }
    const all = [...this.#collection(url.pathname).values()];
    const limit = Number(url.searchParams.get('limit') ?? 0) || all.length;
    const from = Number(url.searchParams.get('continue') ?? 0);
    const end = from + limit;
    sendJson(response, 200, {
      metadata: { resourceVersion: String(this.#version), ...(end < all.length ? { continue: String(end) } : {}) },
      items: all.slice(from, end),
    });
  }

  #stream(url: URL, response: http.ServerResponse): void {
    const { streams } = this.faults;
    if (streams === 'unknown') return sendStatus(response, 422, 'Invalid');
    if (streams === 'refused') return sendStatus(response, 500, 'InternalError');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (streams === 'failing') {
      const object = { kind: 'Status', status: 'Failure', code: 500, reason: 'InternalError', message: 'no progress' };
      return void response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
    }
    const cut = typeof streams === 'object' && streams.cut > 0 ? streams : undefined;
    if (cut !== undefined) cut.cut -= 1;
    const all = [...this.#collection(url.pathname).values()];
    for (const object of cut === undefined ? all : all.slice(0, all.length / 2)) {
      response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    }
    if (cut !== undefined) return void response.end();
    this.#keep(url, response, true);
    if (streams === 'endless') return;
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    const object = { metadata: { resourceVersion: String(this.#version), annotations } };
    response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  #watch(url: URL, response: http.ServerResponse): void {
    const from = Number(url.searchParams.get('resourceVersion') ?? 0);
    if (from < this.#oldest) return sendStatus(response, 410, 'Expired');
    response.writeHead(200, { 'content-type': 'application/json' });
    if (this.faults.watch !== undefined) return void response.end(this.faults.watch);
    response.flushHeaders();
    for (const change of this.#history) {
      if (change.version > from && change.collection === url.pathname) response.write(`${change.line}\n`);
    }
    this.#keep(url, response, false);
  }

  #keep(url: URL, response: http.ServerResponse, isList: boolean): void {
    const watcher = { collection: url.pathname, response, isList };
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }
}

const keyOf = ({ metadata }: FakeObject): string => namespacedName(metadata);

function sendJson(response: http.ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendStatus(response: http.ServerResponse, code: number, reason?: string): void {
  sendJson(response, code, {
    kind: 'Status',
    code,
    message: `fake ${code}`,
    ...(reason === undefined ? {} : { reason }),
  });
}
