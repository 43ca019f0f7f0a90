import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { answerTo } from './message.ts';
import type { Zone } from './zone.ts';

/** A client that keeps a connection without a question. */
const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 256;
const LENGTH_BYTES = 2;

/** Answers by UDP and TCP on one port. */
export class DnsServer {
  readonly #zone: Zone;
  readonly #udp: UdpSocket = createSocket('udp4');
  readonly #tcp: Server;

  constructor(zone: Zone) {
    this.#zone = zone;
    this.#udp.on('message', (query, { address, port }) => {
      const answer = answerTo(query, zone, 'udp');
      // A client that is gone is nobody's trouble.
      if (answer !== undefined) this.#udp.send(answer, port, address, () => undefined);
    });
    this.#tcp = createServer((socket) => this.#serve(socket));
    this.#tcp.maxConnections = MAX_CONNECTIONS;
  }

  /** Gives the port: of both. */
  async listen(host: string, port: number): Promise<number> {
    this.#tcp.listen(port, host);
    await once(this.#tcp, 'listening');
    const address = this.#tcp.address();
    const own = typeof address === 'object' && address !== null ? address.port : port;
    this.#udp.bind(own, host);
    await once(this.#udp, 'listening');
    return own;
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }

  /** Each question is preceded by its length (RFC 1035, 4.2.2); several may follow each other. */
  #serve(socket: Socket): void {
    let rest = Buffer.alloc(0);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= LENGTH_BYTES && rest.length >= LENGTH_BYTES + rest.readUInt16BE(0)) {
        const end = LENGTH_BYTES + rest.readUInt16BE(0);
        const answer = answerTo(rest.subarray(LENGTH_BYTES, end), this.#zone, 'tcp');
        rest = rest.subarray(end);
        if (answer === undefined) return void socket.destroy();
        const length = Buffer.alloc(LENGTH_BYTES);
        length.writeUInt16BE(answer.length);
        // Who does not read his answers gets no more.
        if (!socket.write(Buffer.concat([length, answer]))) socket.pause().once('drain', () => socket.resume());
      }
    });
  }
}
