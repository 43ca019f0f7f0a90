import { expect, it } from 'vitest';
import { judgeDatapath } from './judge-datapath.ts';
import { bad } from './samples.ts';

it('is content with what is as it should be', () => {
  expect(bad(judgeDatapath([]))).toEqual([]);
});

it('names what differs', () => {
  expect(bad(judgeDatapath(['the map policy is not pinned']))).toEqual([
    'critical datapath: the map policy is not pinned',
  ]);
});
