import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** kubectl sends 32 KiB at most. */
const MAX_MESSAGE = 1024 * 1024;

/** The server's side of a WebSocket (RFC 6455): binary messages, ping, close; no extensions. */
export class WebSocketConnection {
  readonly #socket: Duplex;
  #buffer: Buffer = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #closed = false;
  onMessage: (message: Buffer) => void = () => undefined;
  onClose: () => void = () => undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Answers the client's upgrade request and begins to read. `head`: bytes that came with the request. */
  accept(key: string, protocol: string, head: Buffer): void {
    const answer = createHash('sha1').update(`${key}${GUID}`).digest('base64');
    this.#socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${answer}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
    );
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('end', () => this.#socket.end());
    this.#socket.on('close', () => {
      this.#closed = true;
      this.onClose();
    });
    if (head.length > 0) this.#read(head);
  }

  /** False: wait for `drained` before sending more. */
  send(message: Buffer): boolean {
    return this.#frame(OPCODE.binary, message);
  }

  async drained(): Promise<void> {
    if (!this.#closed) await Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')]);
  }

  close(code = 1000): void {
    const body = Buffer.alloc(2);
    body.writeUInt16BE(code);
    this.#frame(OPCODE.close, body);
    this.#closed = true;
    this.#socket.end();
  }

  #frame(opcode: number, body: Buffer): boolean {
    if (this.#closed) return true;
    const long = body.length > 65_535;
    const head = Buffer.alloc(body.length < 126 ? 2 : long ? 10 : 4);
    head[0] = 0x80 | opcode;
    if (body.length < 126) head[1] = body.length;
    else if (long) {
      head[1] = 127;
      head.writeBigUInt64BE(BigInt(body.length), 2);
    } else {
      head[1] = 126;
      head.writeUInt16BE(body.length, 2);
    }
    return this.#socket.write(Buffer.concat([head, body]));
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const [first, second] = this.#buffer;
      if (first === undefined || second === undefined) return;
      let length = second & 127;
      let place = 2;
      if (length === 126) {
        if (this.#buffer.length < 4) return;
        length = this.#buffer.readUInt16BE(2);
        place = 4;
      } else if (length === 127) {
        if (this.#buffer.length < 10) return;
        length = Number(this.#buffer.readBigUInt64BE(2));
        place = 10;
      }
      // Clients must mask; whoever does not, or sends too much, is no client of ours.
      if (second < 128 || length > MAX_MESSAGE) return this.close(1002);
      if (this.#buffer.length < place + 4 + length) return;
      const mask = this.#buffer.subarray(place, place + 4);
      const body = Buffer.from(this.#buffer.subarray(place + 4, place + 4 + length));
      for (let i = 0; i < body.length; i++) body[i] = (body[i] ?? 0) ^ (mask[i % 4] ?? 0);
      this.#buffer = this.#buffer.subarray(place + 4 + length);
      this.#take(first & 15, first >= 128, body);
      if (this.#closed) return;
    }
  }

  #take(opcode: number, last: boolean, body: Buffer): void {
    switch (opcode) {
      case OPCODE.ping:
        this.#frame(OPCODE.pong, body);
        return;
      case OPCODE.close:
        this.close();
        return;
      case OPCODE.continuation:
      case OPCODE.text:
      case OPCODE.binary: {
        this.#parts.push(body);
        if (this.#parts.reduce((sum, part) => sum + part.length, 0) > MAX_MESSAGE) return this.close(1009);
        if (!last) return;
        const message = Buffer.concat(this.#parts.splice(0));
        this.onMessage(message);
        return;
      }
      default:
    }
  }
}
