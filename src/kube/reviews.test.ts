import { expect, test } from 'vitest';
import { Reviews } from './reviews.ts';

test('a crowd that shows tokens has few of them looked at at a time, and nobody is forgotten', async () => {
  const open: ((answer: unknown) => void)[] = [];
  let most = 0;
  const reviews = new Reviews({
    request: async () => {
      const { promise, resolve } = Promise.withResolvers<unknown>();
      open.push(resolve);
      most = Math.max(most, open.length);
      return await promise;
    },
  });
  const asked = Array.from({ length: 500 }, async (_, index) => await reviews.ofToken(`t${index}`));
  let answered = 0;
  void Promise.all(asked.map(async (one) => one.then(() => (answered += 1))));
  while (answered < asked.length) {
    open.shift()?.({ status: { authenticated: true, user: { username: 'somebody' } } });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(most).toBe(8);
  expect(await asked[499]).toEqual({ name: 'somebody', groups: [] });
});
