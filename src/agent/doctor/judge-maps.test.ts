import { expect, it } from 'vitest';
import { judgeMaps } from './judge-maps.ts';
import { bad } from './samples.ts';

it.each<[string, boolean, number, string[]]>([
  ['nearly empty', false, 1, []],
  ['below the limit', false, 799, []],
  ['at the limit', false, 800, ['warning maps: m holds 800 of 1000 entries (80 %)']],
  ['at the upper limit', false, 950, ['critical maps: m holds 950 of 1000 entries (95 %)']],
  ['least recently used goes', true, 1000, ['info maps: m holds 1000 of 1000 entries (100 %)']],
])('map fill: %s', (_, isLru, entries, expected) => {
  const maps = [
    { name: 'm', isLru, entries, maxEntries: 1000 },
    { name: 'n', isLru: false, entries: 0, maxEntries: 1 },
  ];
  expect(bad(judgeMaps(maps))).toEqual(expected);
});

it('says which maps are the fullest', () => {
  const fills = [10, 70, 30, 20].map((entries, i) => ({ name: `m${i}`, isLru: false, entries, maxEntries: 100 }));
  expect(judgeMaps(fills)).toEqual([
    { severity: 'ok', check: 'maps', evidence: 'the fullest of 4: m1 70 %, m2 30 %, m3 20 %' },
  ]);
});
