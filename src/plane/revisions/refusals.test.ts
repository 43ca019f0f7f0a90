import { describe, expect, it } from 'vitest';
import { planeErrors } from '../errors.ts';
import { Refusals } from './refusals.ts';

const full = planeErrors.make('E_PLANE_POLICY_FULL', { detail: 'test' });

describe('Refusals', () => {
  it('tries again what was refused before rows were freed, once, and nothing else', () => {
    let freed = 0;
    const refusals = new Refusals<string>(() => freed);
    refusals.refuse('a', full);
    expect([refusals.pending, refusals.retry()]).toEqual([false, []]);
    freed += 1;
    refusals.refuse('late', full);
    expect([refusals.pending, refusals.retry(), refusals.retry()]).toEqual([true, ['a'], []]);
    expect([...refusals.problems.keys()]).toEqual(['a', 'late']);
    freed += 1;
    refusals.accept('a');
    expect(refusals.retry()).toEqual(['late']);
  });

  it('tries again what found no memory, whether rows were freed or not', () => {
    const refusals = new Refusals<string>(() => 7);
    refusals.refuseForNow('unlucky', full);
    refusals.refuse('large', full);
    expect([refusals.short, refusals.pending, refusals.retry()]).toEqual([true, false, ['unlucky']]);
    expect([refusals.short, refusals.retry()]).toEqual([false, []]);
    refusals.refuseForNow('unlucky', full);
    refusals.accept('unlucky');
    expect([refusals.short, refusals.retry()]).toEqual([false, []]);
  });

  it('tries again what freed rows itself when it was refused', () => {
    let freed = 7;
    const refusals = new Refusals<string>(() => freed);
    const before = freed;
    freed += 3;
    refusals.refuse('shrank', full, before);
    expect(refusals.retry()).toEqual(['shrank']);
  });
});
