import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type PortPrefix, portPrefixes } from './port-range.ts';

const portRange = (from: number, to = from) => ({ from, to });

const covers = ({ port, bits }: PortPrefix, candidate: number) => candidate >> (16 - bits) === port >> (16 - bits);

describe('portPrefixes', () => {
  test('known decompositions', () => {
    expect(portPrefixes(portRange(0, 65535))).toEqual([{ port: 0, bits: 0 }]);
    expect(portPrefixes(portRange(80))).toEqual([{ port: 80, bits: 16 }]);
    expect(portPrefixes(portRange(5, 10)).map(({ port, bits }) => `${port}/${bits}`)).toEqual([
      '5/16',
      '6/15',
      '8/15',
      '10/16',
    ]);
    expect(portPrefixes(portRange(1, 65534))).toHaveLength(30);
    expect(portPrefixes(portRange(65535))).toEqual([{ port: 65535, bits: 16 }]);
  });

  test('cover exactly the range, disjoint and ascending', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xffff), (a, b) => {
        const range = portRange(Math.min(a, b), Math.max(a, b));
        const prefixes = portPrefixes(range);
        expect(prefixes.length).toBeLessThanOrEqual(30);
        let next = range.from;
        for (const { port, bits } of prefixes) {
          expect(port).toBe(next);
          expect(port % (1 << (16 - bits))).toBe(0);
          next = port + (1 << (16 - bits));
        }
        expect(next).toBe(range.to + 1);
        for (const edge of [range.from - 1, range.from, range.to, range.to + 1]) {
          if (edge < 0 || edge > 0xffff) continue;
          const inside = edge >= range.from && edge <= range.to;
          expect(prefixes.filter((prefix) => covers(prefix, edge))).toHaveLength(inside ? 1 : 0);
        }
      }),
    );
  });
});
