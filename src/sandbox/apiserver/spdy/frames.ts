/** Frames of SPDY/3.1, as far as the Kubernetes API's streams use them. */
export const CONTROL = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7, headers: 8 } as const;

const VERSION = 3;
const FIN = 1;
const HEAD = 8;
const MAX_FRAME = 1024 * 1024;

export type Frame =
  | { readonly kind: 'data'; readonly stream: number; readonly body: Buffer; readonly last: boolean }
  | { readonly kind: 'control'; readonly type: number; readonly body: Buffer; readonly last: boolean };

/** Cuts what arrives into frames. */
export class FrameReader {
  #buffer: Buffer = Buffer.alloc(0);

  /** Throws for a frame that is larger than any client's. */
  *read(chunk: Buffer): Generator<Frame> {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.length >= HEAD) {
      const first = this.#buffer.readUInt32BE(0);
      const last = ((this.#buffer[4] ?? 0) & FIN) !== 0;
      const end = HEAD + this.#buffer.readUIntBE(5, 3);
      if (end > MAX_FRAME) throw new RangeError('a SPDY frame is too large');
      if (this.#buffer.length < end) return;
      const body = this.#buffer.subarray(HEAD, end);
      this.#buffer = this.#buffer.subarray(end);
      if (first < 0x8000_0000) yield { kind: 'data', stream: first, body, last };
      else yield { kind: 'control', type: first & 0xffff, body, last };
    }
  }
}

export function dataFrame(stream: number, body: Buffer, last: boolean): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUInt32BE(stream, 0);
  head.writeUInt32BE(body.length, 4);
  head[4] = last ? FIN : 0;
  return Buffer.concat([head, body]);
}

export function controlFrame(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(HEAD);
  head.writeUInt16BE(0x8000 | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

export function resetFrame(stream: number, status: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32BE(stream, 0);
  body.writeUInt32BE(status, 4);
  return controlFrame(CONTROL.rstStream, body);
}
