import { expect, test } from 'vitest';
import { newRefusals } from './tenant-refusals.ts';

test('what was refused is told of once, and again when there is more of it', () => {
  const newly = newRefusals();
  const at = (refused: number) => [{ name: 'connections', limit: 10, refused }];
  expect(newly('shop', at(0))).toEqual([]);
  expect(newly('shop', at(3))).toEqual(at(3));
  expect(newly('other', at(3))).toEqual(at(3));
  expect(newly('shop', at(3))).toEqual([]);
  // A pod is gone, and its count with it.
  expect(newly('shop', at(1))).toEqual([]);
  expect(newly('shop', at(2))).toEqual(at(2));
});
