import { expect, test } from 'vitest';
import { patience } from './patience.ts';

test.each([
  ['idle', 0.1, 1000],
  ['three for each processor', 3, 3000],
  ['beyond all measure', 500, 10_000],
])('a wait on a machine that is %s', (_, load, expected) => expect(patience(1000, load)).toBe(expected));
