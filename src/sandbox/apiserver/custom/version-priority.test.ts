import { expect, test } from 'vitest';
import { comparePriority } from './version-priority.ts';

test('versions are preferred as Kubernetes prefers them', () => {
  const sorted = ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'foo10'];
  expect(sorted.toReversed().toSorted(comparePriority)).toEqual(sorted);
});
