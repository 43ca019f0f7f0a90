import type { MapFd, MapSpec } from '../kernel/index.ts';
import { kernelError, mapInsert, mapUpdate, mapUpdateBatch } from '../kernel/index.ts';
import { dumpMap } from './map.ts';
import { possibleCpus } from './per-cpu-map.ts';

const CHUNK = 1024;
const round8 = (size: number): number => Math.ceil(size / 8) * 8;

/** Bytes of one value as the system call has it. */
function valueBytes({ type, valueSize }: MapSpec): number {
  return type.toLowerCase().includes('percpu') ? round8(valueSize) * possibleCpus() : valueSize;
}

async function* elements(map: MapFd, spec: MapSpec): AsyncGenerator<{ key: Uint8Array; value: Uint8Array }[]> {
  const size = valueBytes(spec);
  const keys = new Uint8Array(new ArrayBuffer(spec.keySize * CHUNK));
  const values = new Uint8Array(new ArrayBuffer(size * CHUNK));
  for await (const count of dumpMap(map, spec.keySize, { keys, values, count: CHUNK })) {
    yield Array.from({ length: count }, (_, i) => ({
      key: keys.subarray(i * spec.keySize, (i + 1) * spec.keySize),
      value: values.subarray(i * size, (i + 1) * size),
    }));
  }
}

/**
 * Copies what a map holds into one of the same layout and another size. False when it does not fit; of an array the
 * elements that both have are copied. Throws E_DATAPATH_MAP.
 */
export async function copyMap(from: MapFd, to: MapFd, spec: MapSpec): Promise<boolean> {
  const isArray = spec.type === 'array' || spec.type === 'perCpuArray';
  // An LRU map refuses nothing: it would push out what it was given before.
  const isLru = spec.type.startsWith('lru');
  const size = valueBytes(spec);
  let count = 0;
  for await (const chunk of elements(from, spec)) {
    count += chunk.length;
    if (isLru && count > spec.maxEntries) return false;
    if (isArray) {
      for (const { key, value } of chunk) if (indexOf(key) < spec.maxEntries) mapUpdate(to, key, value);
      continue;
    }
    const [first] = chunk;
    if (first === undefined) continue;
    const keys = new Uint8Array(first.key.buffer, 0, chunk.length * spec.keySize);
    const values = new Uint8Array(first.value.buffer, 0, chunk.length * size);
    const { error } = mapUpdateBatch(to, { keys, values, count: chunk.length });
    if (error === undefined) continue;
    if (error.code === 'E2BIG' || error.code === 'ENOSPC') return false;
    throw kernelError('E_DATAPATH_MAP', `copy ${spec.name}`, error);
  }
  return true;
}

/** Adds what the old map got since it was copied; what the new one knows by itself stays. */
export async function copyMissing(from: MapFd, to: MapFd, spec: MapSpec): Promise<void> {
  for await (const chunk of elements(from, spec)) for (const { key, value } of chunk) mapInsert(to, key, value);
}

function indexOf(key: Uint8Array): number {
  return new DataView(key.buffer, key.byteOffset, 4).getUint32(0, true);
}
