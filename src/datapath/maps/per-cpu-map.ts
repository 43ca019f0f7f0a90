import { readFileSync } from 'node:fs';
import type { MapFd, MapSpec } from '../kernel/index.ts';
import { kernelError, mapDelete, mapLookup } from '../kernel/index.ts';
import { dumpMap, type MapCodecs } from './map.ts';

let cpus: number | undefined;

/** CPUs that the kernel may ever bring up: what it copies for a per-CPU element. One too few corrupts memory. */
export function possibleCpus(): number {
  cpus ??= parseCpuList(readFileSync('/sys/devices/system/cpu/possible', 'utf8'));
  return cpus;
}

/** How many CPUs `0-3,8` names, counted to the highest. */
export function parseCpuList(text: string): number {
  return 1 + Math.max(...text.trim().split(/[-,]/).map(Number));
}

const round8 = (size: number): number => Math.ceil(size / 8) * 8;

/** A per-CPU map: programs write, this reads and deletes. */
export class PerCpuMap<K, V> {
  readonly spec: MapSpec;
  readonly #fd: MapFd;
  readonly #codecs: MapCodecs<K, V>;
  readonly #stride: number;

  /** `fd` stays the caller's. */
  constructor(fd: MapFd, spec: MapSpec, codecs: MapCodecs<K, V>) {
    this.spec = spec;
    this.#fd = fd;
    this.#codecs = codecs;
    this.#stride = round8(spec.valueSize);
  }

  /** One value a CPU; undefined when there is no such key. */
  get(key: K): V[] | undefined {
    const keyBytes = this.#encode(key);
    const bytes = new Uint8Array(new ArrayBuffer(this.#stride * possibleCpus()));
    try {
      return mapLookup(this.#fd, keyBytes, bytes) ? this.#decode(new DataView(bytes.buffer), 0) : undefined;
    } catch (error) {
      throw kernelError('E_DATAPATH_MAP', `look up in ${this.spec.name}`, error);
    }
  }

  /** False when the key was not there, which is no error. */
  delete(key: K): boolean {
    const keyBytes = this.#encode(key);
    try {
      return mapDelete(this.#fd, keyBytes);
    } catch (error) {
      throw kernelError('E_DATAPATH_MAP', `delete from ${this.spec.name}`, error);
    }
  }

  #encode(key: K): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(new ArrayBuffer(this.spec.keySize));
    this.#codecs.key.write(new DataView(bytes.buffer), 0, key);
    return bytes;
  }

  async entries(): Promise<[K, V[]][]> {
    const count = 256;
    const size = this.#stride * possibleCpus();
    const keys = new Uint8Array(new ArrayBuffer(this.spec.keySize * count));
    const values = new Uint8Array(new ArrayBuffer(size * count));
    const [keyView, valueView] = [new DataView(keys.buffer), new DataView(values.buffer)];
    const all: [K, V[]][] = [];
    for await (const found of dumpMap(this.#fd, this.spec.keySize, { keys, values, count })) {
      for (let i = 0; i < found; i += 1) {
        all.push([this.#codecs.key.decode(keyView, i * this.spec.keySize), this.#decode(valueView, i * size)]);
      }
    }
    return all;
  }

  #decode(view: DataView, offset: number): V[] {
    return Array.from({ length: possibleCpus() }, (_, cpu) =>
      this.#codecs.value.decode(view, offset + cpu * this.#stride),
    );
  }
}
