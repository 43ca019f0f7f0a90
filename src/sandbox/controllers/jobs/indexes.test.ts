import { expect, test } from 'vitest';
import { formatIndexes, parseIndexes } from './indexes.ts';

test.each([
  ['', []],
  ['0', [0]],
  ['3,4', [3, 4]],
  ['1,3-5,7,8', [1, 3, 4, 5, 7, 8]],
  ['0-99999', Array.from({ length: 100_000 }, (_, index) => index)],
])('writes and reads %s', (text, indexes) => {
  expect(formatIndexes(indexes.toReversed())).toBe(text);
  expect([...parseIndexes(text)]).toEqual(indexes);
});
