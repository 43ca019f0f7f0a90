import { Code, ConnectError } from '@connectrpc/connect';

/** gRPC frames a message by a byte of flags and its length in four. */
const HEADER_BYTES = 5;

/** Messages, one behind the other, so that they are written at once. */
export function enveloped(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = messages.reduce((sum, { length }) => sum + HEADER_BYTES + length, 0);
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const message of messages) {
    const { length } = message;
    all[at + 1] = length >>> 24;
    all[at + 2] = length >>> 16;
    all[at + 3] = length >>> 8;
    all[at + 4] = length;
    all.set(message, at + HEADER_BYTES);
    at += HEADER_BYTES + length;
  }
  return all;
}

/** What comes in pieces as messages. Holds no more than one that is not whole, and nothing of the memory that pieces came in. */
export class EnvelopeReader {
  readonly #most: number;
  #held = new Uint8Array();
  #length = 0;
  /** Before so many there is nothing to be read. */
  #wanted = HEADER_BYTES;

  /** `most`: bytes of a message. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Those that are whole by now. ResourceExhausted for one that is too long, Internal for one that is compressed: nobody asked for that. */
  read(piece: Uint8Array): Uint8Array[] {
    this.#append(piece);
    if (this.#length < this.#wanted) return [];
    const all = this.#held.subarray(0, this.#length);
    const messages: Uint8Array[] = [];
    let at = 0;
    for (;;) {
      this.#wanted = this.#need(all, at);
      if (all.length - at < this.#wanted) break;
      messages.push(all.subarray(at + HEADER_BYTES, at + this.#wanted));
      at += this.#wanted;
    }
    this.#held = all.slice(at);
    this.#length = this.#held.length;
    return messages;
  }

  /** InvalidArgument when the last is not whole. */
  end(): void {
    if (this.#length > 0) throw new ConnectError('the last message is not whole', Code.InvalidArgument);
  }

  #need(all: Uint8Array, at: number): number {
    if (all.length - at < HEADER_BYTES) return HEADER_BYTES;
    if (all[at] !== 0) throw new ConnectError('a compressed message, for which nobody asked', Code.Internal);
    const length = new DataView(all.buffer, all.byteOffset + at + 1, 4).getUint32(0);
    if (length > this.#most)
      throw new ConnectError(`a message of ${length} bytes is longer than ${this.#most}`, Code.ResourceExhausted);
    return HEADER_BYTES + length;
  }

  #append(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#held.length) {
      const grown = new Uint8Array(this.#length === 0 ? needed : Math.max(needed, 2 * this.#length));
      grown.set(this.#held.subarray(0, this.#length));
      this.#held = grown;
    }
    this.#held.set(piece, this.#length);
    this.#length = needed;
  }
}
