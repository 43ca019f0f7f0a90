import { expect, it } from 'vitest';
import { endpointId } from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { ZERO_CONFIG } from './gen/config.ts';
import { MAP_SPECS, type MapName } from './gen/layout.ts';
import { progInfo } from './kernel/index.ts';
import { mapLookup, mapUpdate } from './kernel/syscall.ts';
import { possibleCpus } from './maps/per-cpu-map.ts';
import { endpointRow } from './maps/testkit.ts';
import { KeptDatapath } from './test-kept.ts';
import { TestDatapath } from './testkit.ts';

const SIZES = { conntrack: 64, events: 1 << 16, snat: 64, services: 64, backends: 64, service_slots: 64 };
const names = (Object.keys(MAP_SPECS) as MapName[]).filter(
  (name) => !['progArray', 'ringBuffer'].includes(MAP_SPECS[name].type),
);

it.each(names)('leaves nothing in %s', (name) => {
  using kept = new KeptDatapath(SIZES);
  const [map, { type, keySize, valueSize, maxEntries }] = [kept.maps.get(name), kept.maps.spec(name)];
  const key = new Uint8Array(new ArrayBuffer(keySize));
  // The last of an array; the prefix of no length of a trie.
  if (type === 'array' || type === 'perCpuArray') new DataView(key.buffer).setUint32(0, maxEntries - 1, true);
  const size = type.startsWith('perCpu') ? Math.ceil(valueSize / 8) * 8 * possibleCpus() : valueSize;
  const read = (): readonly number[] | undefined => {
    const value = new Uint8Array(new ArrayBuffer(size));
    return mapLookup(map, key, value) ? [...value] : undefined;
  };
  const before = read();
  mapUpdate(map, key, new Uint8Array(new ArrayBuffer(size)).fill(7));
  expect(read()).not.toEqual(before);
  expect(kept.empty()).toBe(type !== 'lruHash');
  expect(read()).toEqual(before);
});

it('has the programs of before for who comes next with the same constants, and others for other constants', () => {
  const ADDR = parseAddr('10.0.0.7');
  const idOf = (endpoint: number): number => {
    using datapath = new TestDatapath();
    const { fromPod } = datapath.loadEndpoint({ ...ZERO_CONFIG, endpoint: endpointId(endpoint), ipv4: ADDR });
    datapath.endpoints.set(parseAddr('10.0.0.8'), endpointRow());
    return progInfo(fromPod).id;
  };
  const first = idOf(7);
  expect(idOf(7)).toBe(first);
  expect(idOf(8)).not.toBe(first);
  using datapath = new TestDatapath();
  expect([ADDR, parseAddr('10.0.0.8')].map((addr) => datapath.endpoints.get(addr))).toEqual([undefined, undefined]);
});
