import { describe, expect, test } from 'vitest';
import { NumberPool, staticBand } from './number-pool.ts';

const PORTS = { share: 32, max: 128 };
const ADDRESSES = { share: 16, max: 256 };

// The tables of KEP-3668 and KEP-3070.
test.each([
  [2_768, PORTS, 86],
  [65_535, PORTS, 128],
  [512, PORTS, 16],
  [17, PORTS, 16],
  [16, PORTS, 0],
  [256, ADDRESSES, 16],
  [1_024, ADDRESSES, 64],
  [4_096, ADDRESSES, 256],
  [1_048_576, ADDRESSES, 256],
])('of %d numbers with %j the first %d are left to those who ask', (size, rule, expected) => {
  expect(staticBand(size, rule)).toBe(expected);
});

describe('NumberPool', () => {
  test('gives the static band when the rest is used up, and what comes back', () => {
    const pool = new NumberPool({ first: 1, last: 20, staticBand: 16 });
    const given = Array.from({ length: 20 }, () => {
      const number = pool.free() ?? 0;
      pool.take(number);
      return number;
    });
    expect(given).toEqual([17, 18, 19, 20, ...Array.from({ length: 16 }, (_, i) => i + 1)]);
    expect(pool.free()).toBeUndefined();
    pool.release(18);
    expect(pool.free()).toBe(18);
    expect(pool.free(new Set([18]))).toBeUndefined();
  });
});
