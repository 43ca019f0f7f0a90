import type { MapName } from '../gen/layout.ts';
import { dumpMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { possibleCpus } from './per-cpu-map.ts';

const CHUNK = 1024;
const round8 = (size: number): number => Math.ceil(size / 8) * 8;

/** How many entries a hash or trie holds now: it is walked, some 0.3 us each. Throws E_DATAPATH_MAP. */
export async function countEntries(maps: MapSet, name: MapName): Promise<number> {
  const { keySize, valueSize, type } = maps.spec(name);
  const stride = type === 'perCpuHash' ? round8(valueSize) * possibleCpus() : valueSize;
  const keys = new Uint8Array(new ArrayBuffer(keySize * CHUNK));
  const values = new Uint8Array(new ArrayBuffer(stride * CHUNK));
  let entries = 0;
  for await (const count of dumpMap(maps.get(name), keySize, { keys, values, count: CHUNK })) entries += count;
  return entries;
}
