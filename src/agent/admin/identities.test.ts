import { describe, expect, it } from 'vitest';
import { namespacedName } from '../../base/index.ts';
import type { WaitingRow } from '../../cluster/identity-row.ts';
import { identityNumbers } from './identities.ts';

const row = (state: WaitingRow['state'], name: string, isFailing = false): WaitingRow => ({
  pod: namespacedName({ namespace: 'shop', name }),
  state,
  why: `${name} has none`,
  isFailing,
});

describe('pods without a number', () => {
  it('are no problem while it is awaited', () => {
    expect(identityNumbers([])).toEqual({ problems: [], fine: 'every pod has one' });
    expect(identityNumbers([row('pending', 'a')])).toEqual({ problems: [], fine: '1 pod is waiting for one' });
    expect(identityNumbers([row('pending', 'a'), row('pending', 'b')]).fine).toBe('2 pods are waiting for one');
  });

  it('are one when the API server does not give it', () => {
    const { problems, fine } = identityNumbers([row('pending', 'a', true), row('pending', 'b')]);
    expect(problems).toEqual(['pod shop/a: a has none']);
    expect(fine).toBe('1 pod is waiting for one');
  });

  it('are one when they were refused, and the first of them are named', () => {
    const refused = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => row('refused', name));
    const { problems } = identityNumbers([row('pending', 'x'), ...refused]);
    expect(problems).toHaveLength(6);
    expect([problems[0], problems[5]]).toEqual(['pod shop/a: a has none', 'and 2 more pods']);
  });
});
