import { expect, it } from 'vitest';
import { RestartBackoff } from './restart-backoff.ts';

it('starts again at once, then waits longer and longer, and forgets after a long run', () => {
  const backoff = new RestartBackoff({ initialMs: 10, maxMs: 40 });
  expect([0, 0, 0, 0, 0].map((ran) => backoff.next(ran))).toEqual([0, 10, 20, 40, 40]);
  expect(backoff.next(80)).toBe(0);
});
