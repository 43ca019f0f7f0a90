import type { MapCodecs } from './map.ts';

const FIRST_ROOM = 64;

/**
 * Rows of a map as the kernel gave them. As objects a hundred thousand of them would be a tenth of what an agent takes, and
 * stay for as long as V8 sees no need to look for garbage; here each is decoded when it is looked at.
 */
export class PackedRows<K, V> implements Iterable<[K, V]> {
  readonly #codecs: MapCodecs<K, V>;
  #keys = new DataView(new ArrayBuffer(0));
  #values = new DataView(new ArrayBuffer(0));
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
    const length = this.#length + count;
    this.#keys = withRoom(this.#keys, { used: this.#length, wanted: length, size: key.size });
    this.#values = withRoom(this.#values, { used: this.#length, wanted: length, size: value.size });
    bytesOf(this.#keys).set(keys.subarray(0, count * key.size), this.#length * key.size);
    bytesOf(this.#values).set(values.subarray(0, count * value.size), this.#length * value.size);
    this.#length = length;
  }

  key(index: number): K {
    return this.#codecs.key.decode(this.#keys, index * this.#codecs.key.size);
  }

  value(index: number): V {
    return this.#codecs.value.decode(this.#values, index * this.#codecs.value.size);
  }

  *[Symbol.iterator](): Generator<[K, V]> {
    for (let index = 0; index < this.#length; index += 1) yield [this.key(index), this.value(index)];
  }
}

type Room = { readonly used: number; readonly wanted: number; readonly size: number };

/** Twice as much as soon as it is too little. */
function withRoom(view: DataView<ArrayBuffer>, { used, wanted, size }: Room): DataView<ArrayBuffer> {
  if (view.byteLength >= wanted * size) return view;
  const wider = new Uint8Array(Math.max(FIRST_ROOM, wanted, used * 2) * size);
  wider.set(bytesOf(view).subarray(0, used * size));
  return new DataView(wider.buffer);
}

const bytesOf = (view: DataView<ArrayBuffer>): Uint8Array => new Uint8Array(view.buffer);
