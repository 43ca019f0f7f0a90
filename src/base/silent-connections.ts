import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';

/** A socket, or a session of HTTP/2. */
type Connection = {
  readonly destroyed: boolean;
  readonly once: (event: 'close', listener: () => void) => unknown;
  readonly destroy: () => unknown;
};

/**
 * Connections that have not said what they want. Of more than `most` the longest silent is closed: it is a stuck peer's,
 * not the next one's, whom a plain limit on connections would refuse.
 */
export class SilentConnections {
  readonly #most: number;
  /** Longest silent first. */
  readonly #sockets = new Set<Connection>();
  readonly #watched = new WeakSet<Connection>();

  constructor(most: number) {
    this.#most = most;
  }

  add(socket: Connection): void {
    if (socket.destroyed) return;
    this.#sockets.add(socket);
    // Once for each connection, however often it speaks and falls silent.
    if (!this.#watched.has(socket)) socket.once('close', () => this.#sockets.delete(socket));
    this.#watched.add(socket);
    const [longest] = this.#sockets;
    if (this.#sockets.size > this.#most) longest?.destroy();
  }

  /** It has said all of it. */
  spoke(socket: Connection): void {
    this.#sockets.delete(socket);
  }
}

/** The same for HTTP, where a connection is silent again once it has its answer. */
export function boundSilent(server: HttpServer, most: number): void {
  const silent = new SilentConnections(most);
  // Those that do not read their answers cannot take all descriptors of the process either.
  server.maxConnections = 8 * most;
  server.on('connection', (socket: Socket) => silent.add(socket));
  server.on('request', ({ socket }, response) => {
    silent.spoke(socket);
    response.once('close', () => silent.add(socket));
  });
}
