import { expect, it } from 'vitest';
import { Semaphore } from './semaphore.ts';

it('lets at most so many in, and everybody in the end, failures included', async () => {
  const semaphore = new Semaphore(3);
  let inside = 0;
  let most = 0;
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) =>
      semaphore.run(async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
        if (i % 2 === 1) throw new Error('odd');
        return i;
      }),
    ),
  );
  expect(most).toBe(3);
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(10);
});
