/** Kernel maps in memory, for everything above the datapath that runs without root. Held to map.contract.ts like the real ones. */

import { datapathErrors } from '../errors.ts';
import type { MapSpec } from '../kernel/index.ts';
import { ErrnoError, kernelError } from '../kernel/index.ts';
import type { MapCodecs, TypedMap } from './map.ts';

type Stored<K, V> = { readonly bits: Uint8Array; readonly key: K; readonly value: V };

const EVICTING: readonly MapSpec['type'][] = ['lruHash'];

/** True when the first `count` bits are the same. */
function sameBits(a: Uint8Array, b: Uint8Array, count: number): boolean {
  const whole = count >> 3;
  for (let i = 0; i < whole; i += 1) if (a[i] !== b[i]) return false;
  const rest = count & 7;
  return rest === 0 || (((a[whole] ?? 0) ^ (b[whole] ?? 0)) & (0xff << (8 - rest)) & 0xff) === 0;
}

/** Length of an LPM key, from its first four bytes. */
function prefixLength(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset).getUint32(0, true);
}

export class FakeMap<K, V> implements TypedMap<K, V> {
  readonly spec: MapSpec;
  readonly #codecs: MapCodecs<K, V>;
  readonly #stored = new Map<string, Stored<K, V>>();
  readonly #isTrie: boolean;

  constructor(spec: MapSpec, codecs: MapCodecs<K, V>) {
    this.spec = spec;
    this.#codecs = codecs;
    this.#isTrie = spec.type === 'lpmTrie';
  }

  #bytes(key: K): Uint8Array {
    const bytes = new Uint8Array(this.spec.keySize);
    this.#codecs.key.write(new DataView(bytes.buffer), 0, key);
    return bytes;
  }

  /** In a trie the bits behind the prefix do not belong to the key. */
  #id(bytes: Uint8Array): string {
    if (!this.#isTrie) return Buffer.from(bytes).toString('hex');
    const length = prefixLength(bytes);
    if (length > (this.spec.keySize - 4) * 8) throw this.#error(new ErrnoError('map element', 22));
    const masked = bytes.map((byte, i) => {
      const free = 8 - Math.max(0, Math.min(8, length - (i - 4) * 8));
      return i < 4 ? byte : byte & ((0xff << free) & 0xff);
    });
    return Buffer.from(masked).toString('hex');
  }

  #error(cause: unknown): Error {
    return kernelError('E_DATAPATH_MAP', `${this.spec.name} (${this.spec.maxEntries} entries)`, cause);
  }

  /** Through the codec, so that a value is what the kernel would give back. */
  #roundTrip(value: V): V {
    const view = new DataView(new ArrayBuffer(this.spec.valueSize));
    this.#codecs.value.write(view, 0, value);
    return this.#codecs.value.decode(view);
  }

  get(key: K): V | undefined {
    const bytes = this.#bytes(key);
    if (!this.#isTrie) return this.#stored.get(this.#id(bytes))?.value;
    const length = prefixLength(bytes);
    let best: Stored<K, V> | undefined;
    for (const stored of this.#stored.values()) {
      const own = prefixLength(stored.bits);
      if (own > length || !sameBits(stored.bits.subarray(4), bytes.subarray(4), own)) continue;
      if (best === undefined || own > prefixLength(best.bits)) best = stored;
    }
    return best?.value;
  }

  set(key: K, value: V): void {
    const bits = this.#bytes(key);
    const id = this.#id(bits);
    if (!this.#stored.has(id) && this.#stored.size >= this.spec.maxEntries) {
      if (!EVICTING.includes(this.spec.type)) {
        throw datapathErrors.make('E_DATAPATH_MAP_FULL', {
          detail: `${this.spec.name} (${this.spec.maxEntries} entries)`,
        });
      }
      const [oldest] = this.#stored.keys();
      if (oldest !== undefined) this.#stored.delete(oldest);
    }
    this.#stored.set(id, {
      bits,
      key: this.#codecs.key.decode(new DataView(bits.buffer)),
      value: this.#roundTrip(value),
    });
  }

  delete(key: K): boolean {
    return this.#stored.delete(this.#id(this.#bytes(key)));
  }

  async setMany(entries: Iterable<readonly [K, V]>): Promise<void> {
    for (const [key, value] of entries) this.set(key, value);
  }

  async deleteMany(keys: Iterable<K>): Promise<number> {
    let deleted = 0;
    for (const key of keys) if (this.delete(key)) deleted += 1;
    return deleted;
  }

  async entries(wanted: (key: K, value: V) => boolean = () => true): Promise<[K, V][]> {
    return [...this.#stored.values()].flatMap(({ key, value }) => (wanted(key, value) ? [[key, value]] : []));
  }
}
