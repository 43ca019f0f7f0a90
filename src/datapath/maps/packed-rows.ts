import type { MapCodecs } from './map.ts';

/** Rows of a piece: what is read is copied once, and little is left over. A power of two. */
const PIECE = 1_024;

type Piece = { readonly keys: DataView<ArrayBuffer>; readonly values: DataView<ArrayBuffer> };

/**
 * Rows of a map as the kernel gave them. As objects a hundred thousand of them would be a tenth of what an agent takes, and
 * stay for as long as V8 sees no need to look for garbage; here each is decoded when it is looked at.
 */
export class PackedRows<K, V> implements Iterable<[K, V]> {
  readonly #codecs: MapCodecs<K, V>;
  readonly #pieces: Piece[] = [];
  #length = 0;

  constructor(codecs: MapCodecs<K, V>) {
    this.#codecs = codecs;
  }

  get length(): number {
    return this.#length;
  }

  /** Takes the first `count` rows, which are copied. */
  append(keys: Uint8Array, values: Uint8Array, count: number): void {
    const { key, value } = this.#codecs;
    for (let from = 0; from < count; ) {
      const at = this.#length % PIECE;
      if (at === 0) this.#pieces.push({ keys: room(key.size), values: room(value.size) });
      const piece = this.#pieceOf(this.#length);
      const to = Math.min(count, from + PIECE - at);
      bytesOf(piece.keys).set(keys.subarray(from * key.size, to * key.size), at * key.size);
      bytesOf(piece.values).set(values.subarray(from * value.size, to * value.size), at * value.size);
      this.#length += to - from;
      from = to;
    }
  }

  key(index: number): K {
    return this.#codecs.key.decode(this.#pieceOf(index).keys, (index % PIECE) * this.#codecs.key.size);
  }

  value(index: number): V {
    return this.#codecs.value.decode(this.#pieceOf(index).values, (index % PIECE) * this.#codecs.value.size);
  }

  /** What the kernel gave, piece by piece: the same for the same rows in the same order, and for no others. */
  *bytes(): Generator<Uint8Array> {
    const { key, value } = this.#codecs;
    for (const [index, { keys, values }] of this.#pieces.entries()) {
      const count = Math.min(PIECE, this.#length - index * PIECE);
      yield bytesOf(keys).subarray(0, count * key.size);
      yield bytesOf(values).subarray(0, count * value.size);
    }
  }

  *[Symbol.iterator](): Generator<[K, V]> {
    for (let index = 0; index < this.#length; index += 1) yield [this.key(index), this.value(index)];
  }

  #pieceOf(index: number): Piece {
    const piece = this.#pieces[Math.floor(index / PIECE)];
    if (piece === undefined) throw new RangeError(`there is no row ${index} among ${this.#length}`);
    return piece;
  }
}

const room = (size: number): DataView<ArrayBuffer> => new DataView(new ArrayBuffer(PIECE * size));
const bytesOf = (view: DataView<ArrayBuffer>): Uint8Array => new Uint8Array(view.buffer);
