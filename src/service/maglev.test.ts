import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAGLEV_SIZES, maglevTable } from './maglev.ts';

const names = fc.uniqueArray(
  fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 65_535 })).map(([a, b]) => `10.244.1.${a}:${b}`),
  { minLength: 1, maxLength: 20 },
);

const shares = (table: Int32Array, count: number): number[] => {
  const all = Array.from({ length: count }, () => 0);
  for (const index of table) all[index] = (all[index] ?? 0) + 1;
  return all;
};

describe('maglevTable', () => {
  it('has prime sizes', () => {
    for (const size of MAGLEV_SIZES) {
      const divisors = Array.from({ length: Math.floor(Math.sqrt(size)) - 1 }, (_, i) => i + 2).filter(
        (d) => size % d === 0,
      );
      expect([size, divisors]).toEqual([size, []]);
    }
  });

  it('gives every backend about the same', () => {
    fc.assert(
      fc.property(names, (all) => {
        const table = maglevTable(all, 2039);
        const counts = shares(table, all.length);
        expect(counts.reduce((a, b) => a + b)).toBe(2039);
        // They take turns: nobody is more than one turn ahead.
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('does not depend on the order in which backends are named', () => {
    fc.assert(
      fc.property(names, (all) => {
        const reversed = all.toReversed();
        const byName = (table: Int32Array, list: string[]) => Array.from(table, (index) => list[index]);
        expect(byName(maglevTable(reversed, 251), reversed)).toEqual(byName(maglevTable(all, 251), all));
      }),
    );
  });

  it('moves few slots of the others when a backend goes', () => {
    fc.assert(
      fc.property(
        names.filter((all) => all.length > 2),
        fc.nat(),
        (all, pick) => {
          const gone = all[pick % all.length];
          const rest = all.filter((name) => name !== gone);
          const before = maglevTable(all, 4093);
          const after = maglevTable(rest, 4093);
          let moved = 0;
          for (const [slot, index] of before.entries()) {
            if (all[index] !== gone && all[index] !== rest[after[slot] ?? 0]) moved += 1;
          }
          // A table by remainder would move most of them.
          expect(moved / 4093).toBeLessThan(0.25);
        },
      ),
    );
  });

  it('moves hardly any of a hundred', () => {
    const all = Array.from({ length: 100 }, (_, i) => `10.244.${i >> 4}.${i}:8080`);
    const before = maglevTable(all, 65_521);
    const after = maglevTable(all.slice(0, -1), 65_521);
    const moved = before.filter((index, slot) => index !== 99 && index !== after[slot]).length;
    expect(moved / 65_521).toBeLessThan(0.03);
  });

  it('is empty for nobody', () => {
    expect(maglevTable([], 251)).toHaveLength(0);
  });
});
