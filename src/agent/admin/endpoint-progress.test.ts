import { expect, test } from 'vitest';
import { podRow } from '../../cluster/samples.ts';
import type { EndpointState } from '../../endpoint/index.ts';
import { recordOf } from '../../plane/testkit.ts';
import { endpointProgress } from './endpoint-progress.ts';

function progress(...rows: readonly (readonly [EndpointState, number, string?])[]) {
  const endpoints = rows.map(([state, age, detail]) => ({
    record: recordOf(1, podRow('web', {})),
    state,
    detail,
    since: -age,
  }));
  return endpointProgress(endpoints, ({ since }) => -since);
}

test('a pod that starts or goes is no failure', () => {
  expect(progress(['ready', 1e6])).toEqual({ problems: [], fine: 'all are enforced' });
  expect(progress(['creating', 10], ['waiting-for-identity', 5_000], ['disconnecting', 10], ['ready', 1e6])).toEqual({
    problems: [],
    fine: 'all others are enforced, 2 starting, 1 going',
  });
});

test.each(['creating', 'waiting-for-identity', 'disconnecting'] as const)('one that is stuck %s is', (state) => {
  expect(progress([state, 31_000, 'nobody knows its pod']).problems).toEqual([
    expect.stringMatching(new RegExp(`is ${state} for 31 s: nobody knows its pod$`)),
  ]);
});

test('one that is broken is at once, and many are not all named', () => {
  expect(progress(['broken', 0, 'its program is another']).problems).toEqual([
    expect.stringMatching(/is broken for 0 s: its program is another$/),
  ]);
  const many = Array.from({ length: 8 }, () => ['broken', 0] as const);
  expect(progress(...many).problems.at(-1)).toBe('and 3 more');
});
