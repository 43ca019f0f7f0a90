import { constants, createInflate } from 'node:zlib';
import { SPDY_DICTIONARY } from './dictionary.ts';

/** The headers of a stream are a few words; whoever sends more is no client of ours. */
const MAX_BLOCK = 16 * 1024;

/** Reads header blocks: all of a connection are one zlib stream, so they are to be given in order. */
export class HeaderBlocks {
  readonly #inflate = createInflate({
    dictionary: SPDY_DICTIONARY,
    flush: constants.Z_SYNC_FLUSH,
    finishFlush: constants.Z_SYNC_FLUSH,
    chunkSize: 2 * MAX_BLOCK,
  });

  /** Rejects when it is no such block, or a larger one. */
  async read(block: Buffer): Promise<ReadonlyMap<string, string>> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const fail = (): void => reject(new RangeError('not a SPDY header block'));
    this.#inflate.once('error', fail);
    // One that inflates to more than a chunk never comes back: it waits for somebody who reads on.
    this.#inflate.write(block, () => resolve((this.#inflate.read() as Buffer | null) ?? Buffer.alloc(0)));
    const isLarge = (): void => {
      if (this.#inflate.readableLength > MAX_BLOCK) fail();
    };
    this.#inflate.on('readable', isLarge);
    try {
      const headers = readPairs(await promise);
      if (headers === undefined) throw new RangeError('not a SPDY header block');
      return headers;
    } finally {
      this.#inflate.off('error', fail);
      this.#inflate.off('readable', isLarge);
    }
  }

  close(): void {
    this.#inflate.on('error', () => undefined);
    this.#inflate.close();
  }
}

/** Names in lower case. */
function readPairs(block: Buffer): Map<string, string> | undefined {
  const headers = new Map<string, string>();
  let place = 4;
  const text = (): string => {
    const length = block.readUInt32BE(place);
    place += 4 + length;
    return block.subarray(place - length, place).toString();
  };
  try {
    for (let left = block.readUInt32BE(0); left > 0; left--) {
      const name = text().toLowerCase();
      headers.set(name, text());
    }
    return headers;
  } catch {
    return undefined;
  }
}

/** An empty stored block: a reader hands out what came before it. */
const FLUSH = [0, 0, 0, 0xff, 0xff];

/** Writes blocks without any header, uncompressed, which all answers are. */
export class EmptyBlocks {
  #begun = false;

  next(): Buffer {
    const start = this.#begun ? [] : [0x78, 0x01];
    this.#begun = true;
    return Buffer.from([...start, 0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, ...FLUSH]);
  }
}
