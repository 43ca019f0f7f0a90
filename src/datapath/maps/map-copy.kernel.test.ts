import { expect, it } from 'vitest';
import { MAP_SPECS } from '../gen/layout.ts';
import { mapUpdate } from '../kernel/syscall.ts';
import { copyMap } from './map-copy.ts';
import { createMap } from './map-set.ts';

const ENTRIES = 3_000;

it.each([
  [16_384, true],
  [1_024, false],
])('says whether what an LRU map holds fits into one of %d', async (maxEntries, fits) => {
  const spec = MAP_SPECS.affinity;
  using from = createMap({ ...spec, maxEntries: 16_384 });
  for (let i = 0; i < ENTRIES; i += 1) {
    const key = new Uint8Array(spec.keySize);
    new DataView(key.buffer).setUint32(0, i);
    mapUpdate(from, key, new Uint8Array(spec.valueSize));
  }
  const smaller = { ...spec, maxEntries };
  using to = createMap(smaller);
  expect(await copyMap(from, to, smaller)).toBe(fits);
});
