import { expect, it } from 'vitest';
import { FewByKey } from './few-by-key.ts';

it('has none, one or several for a key, each once', () => {
  const index = new FewByKey<string, { readonly name: string }>();
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  expect([index.of('k'), index.has('k')]).toEqual([[], false]);
  index.add('k', a);
  index.add('k', a);
  expect([index.of('k'), index.has('k')]).toEqual([[a], true]);
  index.add('k', b);
  expect(index.of('k')).toEqual([a, b]);
  index.delete('k', a);
  index.delete('k', a);
  expect(index.of('k')).toEqual([b]);
  index.delete('k', b);
  expect([...index.keys()]).toEqual([]);
});
