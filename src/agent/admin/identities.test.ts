import { describe, expect, it, test } from 'vitest';
import { namespacedName } from '../../base/index.ts';
import type { WaitingRow } from '../../cluster/identity-row.ts';
import type { Doubt } from '../../identity/index.ts';
import { sampleWorkload } from '../../identity/samples.ts';
import { identityId } from '../../model/index.ts';
import { identityNumbers } from './identities.ts';

const row = (state: WaitingRow['state'], name: string, isFailing = false): WaitingRow => ({
  pod: namespacedName({ namespace: 'shop', name }),
  state,
  why: `${name} has none`,
  isFailing,
});

describe('pods without a number', () => {
  it('are no problem while it is awaited', () => {
    expect(identityNumbers([], [])).toEqual({ problems: [], fine: 'every pod has one' });
    expect(identityNumbers([row('pending', 'a')], [])).toEqual({ problems: [], fine: '1 pod is waiting for one' });
    expect(identityNumbers([row('pending', 'a'), row('pending', 'b')], []).fine).toBe('2 pods are waiting for one');
  });

  it('are one when the API server does not give it', () => {
    const { problems, fine } = identityNumbers([row('pending', 'a', true), row('pending', 'b')], []);
    expect(problems).toEqual(['pod shop/a: a has none']);
    expect(fine).toBe('1 pod is waiting for one');
  });

  it('are one when they were refused, and the first of them are named', () => {
    const refused = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => row('refused', name));
    const { problems } = identityNumbers([row('pending', 'x'), ...refused], []);
    expect(problems).toHaveLength(6);
    expect([problems[0], problems[5]]).toEqual(['pod shop/a: a has none', 'and 2 more pods']);
  });
});

test('an Identity that somebody took away is named, with what keeps it from being made again', () => {
  const doubt = (id: number, failure?: unknown): Doubt => ({
    identity: { kind: 'pod', id: identityId(id), workload: sampleWorkload({ app: 'web', namespace: 'shop' }) },
    failure,
  });
  const { problems } = identityNumbers([], [doubt(300), doubt(301, new Error('may not'))]);
  expect(problems).toHaveLength(2);
  expect(problems[0]).toContain('Identity 300, which pods of namespace shop have, is gone');
  expect(problems[1]).toContain('(may not)');
  const many = Array.from({ length: 7 }, (_, index) => doubt(300 + index));
  expect(identityNumbers([], many).problems).toEqual([
    ...identityNumbers([], many.slice(0, 5)).problems,
    'and 2 more Identities',
  ]);
});
