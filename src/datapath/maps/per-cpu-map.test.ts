import { expect, it } from 'vitest';
import { parseCpuList } from './per-cpu-map.ts';

it.each([
  ['0\n', 1],
  ['0-1\n', 2],
  ['0-3,8-11', 12],
  ['0,2', 3],
])('CPUs %j need room for %i values', (text, count) => {
  expect(parseCpuList(text)).toBe(count);
});
