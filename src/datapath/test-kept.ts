/** Maps and verified programs that the tests of a process have one after the other: to verify the judges takes a tenth of a second. */

import type { MapName } from './gen/layout.ts';
import type { MapFd, ProgFd } from './kernel/fd.ts';
import { ErrnoError, Mapping, pageSize } from './kernel/index.ts';
import type { MapSpec } from './kernel/map-spec.ts';
import { duplicateProgram, mapDelete, mapDeleteBatch, mapLookupBatch, mapUpdateBatch } from './kernel/syscall.ts';
import { MapSet, type MapSizes } from './maps/map-set.ts';
import { possibleCpus } from './maps/per-cpu-map.ts';
import { EventRing } from './maps/ring.ts';

/** Programs that stay loaded between tests. Few, see `MAX_PROGRAMS`. */
const MAX_KEPT = 32;
/** Elements that are read at once. */
const CHUNK = 4096;

/** A set of maps with the programs that are bound to them. */
export class KeptDatapath implements Disposable {
  readonly maps: MapSet;
  readonly #opened: ReadonlySet<MapName>;
  /** By what they are made of, the one that was asked for last at the end. */
  readonly #programs = new Map<string, Readonly<Record<string, ProgFd>>>();

  constructor(sizes: MapSizes) {
    const maps = new ListedMaps({ pinDir: undefined, sizes });
    this.maps = maps;
    this.#opened = maps.opened;
  }

  /** What `load` gives, which is called for what nobody asked for lately; the caller owns descriptors of his own. */
  programs<Name extends string>(key: string, load: () => Record<Name, ProgFd>): Record<Name, ProgFd> {
    const known = (this.#programs.get(key) as Record<Name, ProgFd> | undefined) ?? load();
    this.#programs.delete(key);
    this.#programs.set(key, known);
    let count = [...this.#programs.values()].reduce((sum, one) => sum + Object.keys(one).length, 0);
    for (const [oldest, programs] of this.#programs) {
      if (count <= MAX_KEPT || oldest === key) break;
      count -= Object.keys(programs).length;
      this.#forget(oldest, programs);
    }
    const own = Object.entries<ProgFd>(known).map(([name, program]) => [name, duplicateProgram(program.number)]);
    return Object.fromEntries(own) as Record<Name, ProgFd>;
  }

  /**
   * Empties every map. Whether each is as it was when it was made: one that evicts is not once it held something, because the
   * kernel leaves its free elements with the CPUs that used them, and evicts elsewhere while there is room.
   */
  empty(): boolean {
    let isNew = true;
    for (const name of this.#opened) {
      const spec = this.maps.spec(name);
      const removed = emptyMap(this.maps.get(name), spec);
      if (spec.type === 'lruHash' && removed > 0) isNew = false;
    }
    return isNew;
  }

  #forget(key: string, programs: Readonly<Record<string, ProgFd>>): void {
    this.#programs.delete(key);
    for (const program of Object.values(programs)) program.close();
  }

  [Symbol.dispose](): void {
    for (const [key, programs] of this.#programs) this.#forget(key, programs);
    this.maps.close();
  }
}

const BPF_F_MMAPABLE = 1024;

/** Knows which of its maps there are, and has arrays that are emptied as memory: by elements it takes longer than to verify. */
class ListedMaps extends MapSet {
  readonly opened = new Set<MapName>();

  override spec(name: MapName): MapSpec {
    const spec = super.spec(name);
    return spec.type === 'array' ? { ...spec, flags: spec.flags | BPF_F_MMAPABLE } : spec;
  }

  override get(name: MapName): MapFd {
    this.opened.add(name);
    return super.get(name);
  }
}

/** How many keys were removed. */
function emptyMap(map: MapFd, spec: MapSpec): number {
  switch (spec.type) {
    case 'array': {
      const length = Math.ceil((round8(spec.valueSize) * spec.maxEntries) / pageSize()) * pageSize();
      using memory = Mapping.of(map.number, { length, writable: true });
      new Uint8Array(memory.buffer).fill(0);
      return 0;
    }
    case 'perCpuArray':
      zero(map, spec);
      return 0;
    case 'hash':
    case 'lruHash':
    case 'perCpuHash':
    case 'lpmTrie':
      return removeAll(map, spec);
    case 'progArray':
      for (let index = 0; index < spec.maxEntries; index += 1) mapDelete(map, numbers(index + 1).subarray(index * 4));
      return 0;
    case 'ringBuffer': {
      using ring = new EventRing(map, spec.maxEntries);
      while (ring.take(() => undefined) > 0);
      return 0;
    }
  }
}

const round8 = (size: number): number => Math.ceil(size / 8) * 8;

/** Bytes of an element, as the kernel copies it. */
function stride({ type, valueSize }: MapSpec): number {
  return type.startsWith('perCpu') ? round8(valueSize) * possibleCpus() : valueSize;
}

/** 0, 1, 2, ..., as keys. */
function numbers(count: number): Uint8Array {
  return new Uint8Array(Uint32Array.from({ length: count }, (_, index) => index).buffer);
}

function zero(map: MapFd, spec: MapSpec): void {
  const count = spec.maxEntries;
  const values = new Uint8Array(new ArrayBuffer(stride(spec) * count));
  const { error } = mapUpdateBatch(map, { keys: numbers(count), values, count });
  if (error !== undefined) throw error;
}

function removeAll(map: MapFd, spec: MapSpec): number {
  let all = 0;
  const keys = new Uint8Array(new ArrayBuffer(CHUNK * spec.keySize));
  const values = new Uint8Array(new ArrayBuffer(CHUNK * stride(spec)));
  for (;;) {
    const cursor = { in: undefined, out: new Uint8Array(new ArrayBuffer(Math.max(spec.keySize, 4))) };
    const { count, error } = mapLookupBatch(map, { keys, values, count: CHUNK }, cursor);
    if (error !== undefined && !(error instanceof ErrnoError && error.code === 'ENOENT')) throw error;
    if (count > 0) {
      const removed = mapDeleteBatch(map, { keys: keys.subarray(0, count * spec.keySize), values: undefined, count });
      if (removed.error !== undefined) throw removed.error;
    }
    all += count;
    if (error !== undefined || count === 0) return all;
  }
}
