import { describe, expect, it } from 'vitest';
import { nameParts, namespacedName, parseNamespacedName } from './namespaced-name.ts';

describe('a namespaced name', () => {
  it.each([
    [{ namespace: 'shop', name: 'web' }, 'shop/web'],
    [{ namespace: '', name: 'node-1' }, 'node-1'],
  ])('of %j is %s, and is taken apart again', (parts, text) => {
    expect(namespacedName(parts)).toBe(text);
    expect(nameParts(namespacedName(parts))).toEqual(parts);
  });

  it('of a cluster-wide object has no slash', () => {
    expect(namespacedName({ name: 'node-1' })).toBe('node-1');
  });

  it.each(['shop/web', 'node-1'])('is what somebody wrote: %s', (text) => {
    expect(parseNamespacedName(text)).toBe(text);
  });

  it.each(['', '/', 'shop/', '/web', 'a/b/c'])('is not what somebody wrote: %j', (text) => {
    expect(parseNamespacedName(text)).toBeUndefined();
  });
});
