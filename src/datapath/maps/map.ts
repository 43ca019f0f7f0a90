import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Codec, MapFd, MapSpec } from '../kernel/index.ts';
import {
  ErrnoError,
  kernelError,
  Mapping,
  mapDelete,
  mapDeleteBatch,
  mapLookup,
  mapLookupBatch,
  mapUpdate,
  mapUpdateBatch,
  pageSize,
} from '../kernel/index.ts';
import { PackedRows } from './packed-rows.ts';

/**
 * A kernel map with typed keys and values; testkit.ts has the same in memory, and one contract test holds both to this.
 * Writes throw E_DATAPATH_MAP_FULL when there is no room (an LRU map evicts instead), otherwise E_DATAPATH_MAP.
 */
export type TypedMap<K, V> = {
  readonly spec: MapSpec;
  /** What a program would get: in an LPM trie the longest prefix that covers the key, not the key itself. */
  get(key: K): V | undefined;
  set(key: K, value: V): void;
  /** False when the key was not there, which is no error. In an LPM trie exactly this prefix. */
  delete(key: K): boolean;
  /** In order, yielding to the event loop between chunks. Not atomic: what was written before an error stays. */
  setMany(entries: Iterable<readonly [K, V]>): Promise<void>;
  /** How many were there. */
  deleteMany(keys: Iterable<K>): Promise<number>;
  /**
   * All entries, or those that are wanted; of an array, where every key has a value, those that are not zero. What changes
   * meanwhile may be missing or come in its old form.
   */
  entries(wanted?: (key: K, value: V) => boolean): Promise<[K, V][]>;
  /** All entries of a hash or a trie, for who looks at each in passing; those read so far when it does not go on. */
  packed(goesOn?: () => boolean): Promise<PackedRows<K, V>>;
};

export type MapCodecs<K, V> = { readonly key: Codec<K>; readonly value: Codec<V> };

/** Long enough that a system call's price does not count, short enough (a few ms) to hold up nobody. */
export const CHUNK = 4096;

/** Nearly always it is one row, for which to make ready is most of what a batch costs. */
const FEW = 4;
const isFew = <T>(all: Iterable<T>): all is readonly T[] => Array.isArray(all) && all.length <= FEW;

/** Pieces of an iterable, with a turn of the event loop between them; the iterable is read piece by piece. */
async function* chunks<T>(all: Iterable<T>): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for (const item of all) {
    chunk.push(item);
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = [];
    await nextTurn();
  }
  if (chunk.length > 0) yield chunk;
}

const BPF_F_MMAPABLE = 1024;

function room(size: number, count: number): { bytes: Uint8Array; view: DataView } {
  const buffer = new ArrayBuffer(size * count);
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
}

export class KernelMap<K, V> implements TypedMap<K, V> {
  readonly spec: MapSpec;
  readonly #fd: MapFd;
  readonly #codecs: MapCodecs<K, V>;
  readonly #key: { readonly bytes: Uint8Array; readonly view: DataView };
  readonly #value: { readonly bytes: Uint8Array; readonly view: DataView };

  /** `fd` stays the caller's. */
  constructor(fd: MapFd, spec: MapSpec, codecs: MapCodecs<K, V>) {
    if (codecs.key.size !== spec.keySize || codecs.value.size !== spec.valueSize) {
      throw new TypeError(`the codecs of map ${spec.name} have other sizes than the map`);
    }
    this.spec = spec;
    this.#fd = fd;
    this.#codecs = codecs;
    this.#key = room(spec.keySize, 1);
    this.#value = room(spec.valueSize, 1);
  }

  #encode(key: K, value?: V): void {
    this.#key.bytes.fill(0);
    this.#codecs.key.write(this.#key.view, 0, key);
    if (value !== undefined) {
      this.#value.bytes.fill(0);
      this.#codecs.value.write(this.#value.view, 0, value);
    }
  }

  #run<T>(operation: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw this.#error(operation, error);
    }
  }

  #error(operation: string, cause: unknown): Error {
    return kernelError('E_DATAPATH_MAP', `${operation} ${this.spec.name} (${this.spec.maxEntries} entries)`, cause);
  }

  get(key: K): V | undefined {
    this.#encode(key);
    const found = this.#run('look up in', () => mapLookup(this.#fd, this.#key.bytes, this.#value.bytes));
    return found ? this.#codecs.value.decode(this.#value.view) : undefined;
  }

  set(key: K, value: V): void {
    this.#encode(key, value);
    this.#run('write', () => mapUpdate(this.#fd, this.#key.bytes, this.#value.bytes));
  }

  delete(key: K): boolean {
    this.#encode(key);
    return this.#run('delete from', () => mapDelete(this.#fd, this.#key.bytes));
  }

  async setMany(entries: Iterable<readonly [K, V]>): Promise<void> {
    if (isFew(entries)) {
      for (const [key, value] of entries) this.set(key, value);
      return;
    }
    for await (const chunk of chunks(entries)) {
      const keys = room(this.spec.keySize, chunk.length);
      const values = room(this.spec.valueSize, chunk.length);
      for (const [index, [key, value]] of chunk.entries()) {
        this.#codecs.key.write(keys.view, index * this.spec.keySize, key);
        this.#codecs.value.write(values.view, index * this.spec.valueSize, value);
      }
      const result = mapUpdateBatch(this.#fd, { keys: keys.bytes, values: values.bytes, count: chunk.length });
      if (result.error !== undefined) throw this.#error('write', result.error);
    }
  }

  async deleteMany(keys: Iterable<K>): Promise<number> {
    if (isFew(keys)) return keys.reduce((deleted, key) => deleted + Number(this.delete(key)), 0);
    let deleted = 0;
    for await (const chunk of chunks(keys)) {
      const encoded = room(this.spec.keySize, chunk.length);
      for (const [index, key] of chunk.entries()) {
        this.#codecs.key.write(encoded.view, index * this.spec.keySize, key);
      }
      deleted += this.#deleteChunk(encoded.bytes, chunk.length);
    }
    return deleted;
  }

  /** The kernel stops at a key that is not there; it is skipped. */
  #deleteChunk(keys: Uint8Array, count: number): number {
    let deleted = 0;
    let at = 0;
    while (at < count) {
      const rest = { keys: keys.subarray(at * this.spec.keySize), values: undefined, count: count - at };
      const result = mapDeleteBatch(this.#fd, rest);
      if (result.error !== undefined && result.error.code !== 'ENOENT') throw this.#error('delete from', result.error);
      deleted += result.count;
      at += result.count + (result.error === undefined ? 0 : 1);
    }
    return deleted;
  }

  async entries(wanted: (key: K, value: V) => boolean = () => true): Promise<[K, V][]> {
    const all: [K, V][] = [];
    const { type, flags, keySize, valueSize } = this.spec;
    if (type === 'array' && (flags & BPF_F_MMAPABLE) !== 0) return this.#mapped(wanted);
    for await (const { keys, values, count } of this.#chunks()) {
      for (let i = 0; i < count; i += 1) {
        // Before it is decoded: of the 131,072 elements of an array a handful are somebody's.
        if (type === 'array' && isZero(values.view, i * valueSize, valueSize)) continue;
        const key = this.#codecs.key.decode(keys.view, i * keySize);
        const value = this.#codecs.value.decode(values.view, i * valueSize);
        if (wanted(key, value)) all.push([key, value]);
      }
    }
    return all;
  }

  async packed(goesOn: () => boolean = () => true): Promise<PackedRows<K, V>> {
    const { type, name } = this.spec;
    if (type === 'array') throw new TypeError(`map ${name} is an array, where every key has a value`);
    const rows = new PackedRows(this.#codecs);
    for await (const { keys, values, count } of this.#chunks()) {
      rows.append(keys.bytes, values.bytes, count);
      if (!goesOn()) break;
    }
    return rows;
  }

  /** Each is overwritten by the next. */
  async *#chunks() {
    const { keySize, valueSize, maxEntries } = this.spec;
    const most = Math.min(CHUNK, maxEntries);
    const keys = room(keySize, most);
    const values = room(valueSize, most);
    for await (const count of dumpMap(this.#fd, keySize, { keys: keys.bytes, values: values.bytes, count: most })) {
      yield { keys, values, count };
    }
  }

  /** Of an array that can be mapped: a system call that copies each element takes ten times as long. */
  #mapped(wanted: (key: K, value: V) => boolean): [K, V][] {
    const { valueSize, maxEntries } = this.spec;
    const stride = Math.ceil(valueSize / 8) * 8;
    const length = Math.ceil((stride * maxEntries) / pageSize()) * pageSize();
    using memory = this.#run('map', () => Mapping.of(this.#fd.number, { length, writable: false }));
    const values = new DataView(memory.buffer);
    const index = new DataView(new ArrayBuffer(4));
    const all: [K, V][] = [];
    for (let at = 0; at < maxEntries; at += 1) {
      if (isZero(values, at * stride, valueSize)) continue;
      index.setUint32(0, at, true);
      const key = this.#codecs.key.decode(index, 0);
      const value = this.#codecs.value.decode(values, at * stride);
      if (wanted(key, value)) all.push([key, value]);
    }
    return all;
  }
}

/** `size`: as of every value of an array, a multiple of four. */
export function isZero(view: DataView, at: number, size: number): boolean {
  for (let offset = at; offset < at + size; offset += 4) if (view.getUint32(offset) !== 0) return false;
  return true;
}

/** Reads a map chunk by chunk into `into`; yields how many elements are valid there. Throws E_DATAPATH_MAP. */
export async function* dumpMap(
  map: MapFd,
  keySize: number,
  into: { readonly keys: Uint8Array; readonly values: Uint8Array; readonly count: number },
): AsyncGenerator<number> {
  const cursorSize = Math.max(keySize, 4);
  let last: Uint8Array | undefined;
  for (;;) {
    const next = new Uint8Array(new ArrayBuffer(cursorSize));
    const result = mapLookupBatch(map, into, { in: last, out: next });
    if (result.count > 0) yield result.count;
    if (result.error !== undefined) {
      if (result.error instanceof ErrnoError && result.error.code === 'ENOENT') return;
      throw kernelError('E_DATAPATH_MAP', 'read a map', result.error);
    }
    last = next;
    await nextTurn();
  }
}
