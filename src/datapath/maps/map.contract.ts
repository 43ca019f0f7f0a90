/** What every TypedMap does, on whatever it is made of. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpointId, identityId, ifindex, policyTableId, ruleId } from '../../model/index.ts';
import { Prefix, parseAddr } from '../../net/index.ts';
import { addrFromValue } from '../../net/testkit.ts';
import type { PolicyKey, PolicyValue } from '../gen/codecs.ts';
import { MAP_SPECS } from '../gen/layout.ts';
import type { MapSpec } from '../kernel/map-spec.ts';
import { endpointsCodecs } from './endpoints-map.ts';
import { ipcacheCodecs } from './ipcache-map.ts';
import { CHUNK, type MapCodecs, type TypedMap } from './map.ts';
import { policyCodecs, policyKey } from './policy-maps.ts';
import { endpointRow, ipcacheRow } from './row-testkit.ts';
import { u32Codec, u64Codec } from './scalar-codecs.ts';

export type MakeMap = <K, V>(spec: MapSpec, codecs: MapCodecs<K, V>) => TypedMap<K, V>;

const hash = (maxEntries: number, type: MapSpec['type'] = 'hash'): MapSpec => ({
  name: 'contract',
  type,
  keySize: 4,
  valueSize: 8,
  maxEntries,
  flags: 0,
});
const numbers: MapCodecs<number, bigint> = { key: u32Codec, value: u64Codec };

export function describeTypedMap(name: string, make: MakeMap): void {
  describe(`TypedMap: ${name}`, () => {
    it('gives back what was set, and deletes what is gone without complaint', () => {
      const map = make(hash(8), numbers);
      expect(map.get(1)).toBeUndefined();
      map.set(1, 10n);
      map.set(1, 11n);
      expect(map.get(1)).toBe(11n);
      expect(map.delete(1)).toBe(true);
      expect(map.delete(1)).toBe(false);
      expect(map.get(1)).toBeUndefined();
    });

    it('is full with a code, keeps what it has, and still takes known keys', async () => {
      const map = make(hash(4), numbers);
      for (let key = 0; key < 4; key += 1) map.set(key, 1n);
      expect(() => map.set(4, 1n)).toThrow(expect.objectContaining({ code: 'E_DATAPATH_MAP_FULL' }));
      await expect(map.setMany([[5, 1n]])).rejects.toMatchObject({ code: 'E_DATAPATH_MAP_FULL' });
      map.set(3, 2n);
      expect((await map.entries()).toSorted(([a], [b]) => a - b)).toEqual([
        [0, 1n],
        [1, 1n],
        [2, 1n],
        [3, 2n],
      ]);
    });

    it('works in batches across chunk borders', async () => {
      const count = 2 * CHUNK + 17;
      const map = make(hash(count * 2), numbers);
      const entries = Array.from({ length: count }, (_, i): [number, bigint] => [i, BigInt(i) << 33n]);
      await map.setMany(entries);
      expect((await map.entries()).toSorted(([a], [b]) => a - b)).toEqual(entries);
      expect(await map.entries((key, value) => key > 0 && value === 1n << 33n)).toEqual([[1, 1n << 33n]]);
      expect(Array.from(await map.packed()).toSorted(([a], [b]) => a - b)).toEqual(entries);
      // Every third key is not there: none of them stops the others.
      for (let key = 0; key < count; key += 3) map.delete(key);
      const deleted = await map.deleteMany([...entries.map(([key]) => key), count + 1]);
      expect(deleted).toBe(count - Math.ceil(count / 3));
      expect(await map.entries()).toEqual([]);
      await map.setMany([]);
      expect(await map.deleteMany([])).toBe(0);
    });

    it.each([
      ['an array', 0],
      ['an array that can be mapped', 1024],
    ])('lists of %s what is not zero', async (_what, flags) => {
      const map = make({ ...hash(2 * CHUNK + 1, 'array'), flags }, numbers);
      map.set(0, 1n << 63n);
      map.set(2 * CHUNK, 1n);
      map.set(3, 2n);
      map.set(3, 0n);
      expect((await map.entries()).toSorted(([a], [b]) => a - b)).toEqual([
        [0, 1n << 63n],
        [2 * CHUNK, 1n],
      ]);
      expect(await map.entries((key) => key > 0)).toEqual([[2 * CHUNK, 1n]]);
    });

    it('evicts from an LRU map instead of being full', () => {
      const map = make(hash(64, 'lruHash'), numbers);
      for (let key = 0; key < 1000; key += 1) map.set(key, 1n);
      expect(map.get(999)).toBe(1n);
    });

    it('keeps addresses', async () => {
      const map = make({ ...MAP_SPECS.endpoints, maxEntries: 16 }, endpointsCodecs);
      const value = endpointRow({ endpoint: endpointId(7), ifindex: ifindex(9) });
      map.set(parseAddr('10.0.0.1'), value);
      map.set(parseAddr('fd00::1'), value);
      expect((await map.entries()).map(([addr]) => addr).toSorted()).toEqual(['10.0.0.1', 'fd00::1']);
      expect(map.get(parseAddr('10.0.0.1'))).toEqual(value);
    });

    it('answers from a trie with the longest prefix, as a slow search does', async () => {
      const addr = fc.oneof(
        fc.integer({ min: 0, max: 255 }).map((n) => addrFromValue(4, 0x0a00_0000n + BigInt(n))),
        fc.integer({ min: 0, max: 255 }).map((n) => addrFromValue(6, (0xfdn << 120n) + BigInt(n))),
      );
      const prefix = fc
        .tuple(addr, fc.integer({ min: 0, max: 12 }))
        .map(([a, free]) => Prefix.of(a, Prefix.host(a).length - free));
      const everything = fc.constantFrom(Prefix.parse('0.0.0.0/0'), Prefix.parse('::/0'));
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(prefix, everything), { maxLength: 12 }),
          fc.array(addr),
          async (prefixes, addrs) => {
            const map = make({ ...MAP_SPECS.ipcache, maxEntries: 64 }, ipcacheCodecs);
            const rows = new Map(prefixes.map((p, i) => [p.toString(), { prefix: p, identity: identityId(i + 1) }]));
            await map.setMany([...rows.values()].map((r) => [r.prefix, ipcacheRow({ identity: r.identity })]));
            for (const a of addrs) {
              const expected = [...rows.values()]
                .filter((r) => r.prefix.contains(a))
                .toSorted((x, y) => y.prefix.length - x.prefix.length)[0];
              // ::/0 covers IPv4 too where IPv4 is mapped into IPv6; it is the shortest, so only where nothing else is.
              const fallback = rows.get('::/0');
              expect(map.get(Prefix.host(a))?.identity).toBe((expected ?? fallback)?.identity);
            }
            expect((await map.entries()).map(([p]) => p.toString()).toSorted()).toEqual([...rows.keys()].toSorted());
            const packed = Array.from(await map.packed(), ([p, { identity }]) => `${p.toString()} ${identity}`);
            expect(packed.toSorted()).toEqual(
              Array.from(rows, ([text, { identity }]) => `${text} ${identity}`).toSorted(),
            );
          },
        ),
        { numRuns: 40 },
      );
    });

    it('keeps the exact row of a trie apart from the wider one on delete', () => {
      const map = make<PolicyKey, PolicyValue>({ ...MAP_SPECS.policy, maxEntries: 16 }, policyCodecs.rows);
      const key = (portBits: number): PolicyKey =>
        policyKey(policyTableId(1), 5, { protocol: 6, port: 0x1f90, portBits });
      const value = (rule: number): PolicyValue => ({
        precedence: 0,
        rule: ruleId(rule),
        proxyPort: 0,
        verdict: 'allow',
      });
      map.set({ ...key(8), port: 0x1f00 }, value(8));
      map.set(key(16), value(16));
      expect(map.get(key(16))?.rule).toBe(16);
      expect(map.delete(key(16))).toBe(true);
      expect(map.get(key(16))?.rule).toBe(8);
      expect(map.delete(key(16))).toBe(false);
    });
  });
}
