import type { Duplex } from 'node:stream';
import { constants, inflateSync } from 'node:zlib';
import { drained } from '../exec/transport.ts';
import { SPDY_DICTIONARY } from './spdy-dictionary.ts';

const TYPE = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7 } as const;
const VERSION = 3;
const FIN = 1;
const MAX_FRAME = 1024 * 1024;
/** The headers of a session's few streams are tiny; whoever sends more is no kubectl. */
const MAX_HEADERS = 64 * 1024;
const MAX_STREAMS = 16;
const LINGER_MS = 3_000;

/** An empty stored block: a reader hands out what came before it. */
const FLUSH = [0, 0, 0, 0xff, 0xff];

/** The server's side of SPDY/3.1 as far as `kubectl exec` before 1.30 speaks it: streams that the client opens, no flow control. */
export class SpdyConnection {
  readonly #socket: Duplex;
  #buffer: Buffer = Buffer.alloc(0);
  #compressed: Buffer = Buffer.alloc(0);
  #inflated = 0;
  #streams = 0;
  #replied = false;
  #closed = false;
  /** `type`: the stream's `streamtype` header: error, stdin, stdout, stderr or resize. */
  onStream: (id: number, type: string) => void = () => undefined;
  onData: (id: number, body: Buffer, last: boolean) => void = () => undefined;
  onClose: () => void = () => undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  accept(protocol: string, head: Buffer): void {
    this.#socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
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

  /** False: wait for `drained` before sending more. `last`: nothing more will come on this stream. */
  send(id: number, body: Buffer, last = false): boolean {
    if (this.#closed) return true;
    const head = Buffer.alloc(8);
    head.writeUInt32BE(id, 0);
    head.writeUInt32BE(body.length, 4);
    head[4] = last ? FIN : 0;
    return this.#socket.write(Buffer.concat([head, body]));
  }

  async drained(): Promise<void> {
    if (!this.#closed) await drained(this.#socket);
  }

  /** All is said. The client hangs up once it has read it: if we did, it would drop what it has not handed on yet. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    setTimeout(() => this.#socket.end(), LINGER_MS).unref();
  }

  #abort(): void {
    this.#socket.destroy();
  }

  #control(type: number, body: Buffer): void {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x8000 | VERSION, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt32BE(body.length, 4);
    this.#socket.write(Buffer.concat([head, body]));
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= 8) {
      const first = this.#buffer.readUInt32BE(0);
      const flags = this.#buffer[4] ?? 0;
      const length = this.#buffer.readUIntBE(5, 3);
      if (length > MAX_FRAME) return this.#abort();
      if (this.#buffer.length < 8 + length) return;
      const body = Buffer.from(this.#buffer.subarray(8, 8 + length));
      this.#buffer = this.#buffer.subarray(8 + length);
      if (first < 0x80000000) this.onData(first, body, (flags & FIN) !== 0);
      else this.#takeControl(first & 0xffff, body);
      if (this.#socket.destroyed) return;
    }
  }

  #takeControl(type: number, body: Buffer): void {
    if (type === TYPE.ping) return this.#control(TYPE.ping, body);
    if (type === TYPE.goAway) return this.#abort();
    if (type !== TYPE.synStream) return;
    this.#streams += 1;
    const headers = this.#streams > MAX_STREAMS || body.length < 10 ? undefined : this.#headers(body.subarray(10));
    if (headers === undefined) return this.#abort();
    const id = body.readUInt32BE(0) & 0x7fffffff;
    this.#reply(id);
    this.onStream(id, headers.get('streamtype') ?? '');
  }

  /** No headers in the answer, as an uncompressed block of the one zlib stream that all answers make up. */
  #reply(id: number): void {
    const start = this.#replied ? [] : [0x78, 0x01];
    this.#replied = true;
    const body = Buffer.from([0, 0, 0, 0, ...start, 0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, ...FLUSH]);
    body.writeUInt32BE(id, 0);
    this.#control(TYPE.synReply, body);
  }

  /** All header blocks of a connection are one zlib stream; it is read again from its begin, which is short. */
  #headers(block: Buffer): Map<string, string> | undefined {
    this.#compressed = Buffer.concat([this.#compressed, block]);
    try {
      const all = inflateSync(this.#compressed, {
        dictionary: SPDY_DICTIONARY,
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: MAX_HEADERS,
      });
      const fresh = all.subarray(this.#inflated);
      this.#inflated = all.length;
      return readPairs(fresh);
    } catch {
      return undefined;
    }
  }
}

function readPairs(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let place = 4;
  const text = (): string => {
    const length = block.readUInt32BE(place);
    place += 4 + length;
    return block.subarray(place - length, place).toString();
  };
  for (let left = block.readUInt32BE(0); left > 0; left--) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}
