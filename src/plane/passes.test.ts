import { expect, test } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { Passes } from './passes.ts';

function passes(pass: () => Promise<void>): Passes {
  return new Passes({ pass, failure: 'pass failed', log: silentLogger });
}

test('what happens in one turn makes one pass, what happens during it one more, and none overlap', async () => {
  let running = 0;
  let most = 0;
  let count = 0;
  const all = passes(async () => {
    running += 1;
    most = Math.max(most, running);
    count += 1;
    if (count === 1) for (let i = 0; i < 5; i += 1) all.kick();
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  });
  for (let i = 0; i < 5; i += 1) all.kick();
  await all.idle();
  expect({ count, most }).toEqual({ count: 2, most: 1 });
});

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('a wish is not lost %i microtasks after a pass began to end', async (ticks) => {
  let count = 0;
  const wish = async (): Promise<void> => {
    for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
    all.kick();
  };
  const all = passes(async () => {
    count += 1;
    if (count === 1) void wish();
  });
  all.kick();
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  await all.idle();
  expect(count).toBe(2);
});

test('a pass that fails says why and is run again', async () => {
  let count = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const all = passes(async () => {
    count += 1;
    if (count === 1) throw new Error('no room');
    resolve();
  });
  all.kick();
  await all.idle();
  expect(all.problem).toBe('no room');
  await promise;
  await all.idle();
  expect({ count, problem: all.problem }).toEqual({ count: 2, problem: undefined });
});

test('of several later times the earliest counts, and none after the end', async () => {
  let count = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const all = passes(async () => {
    count += 1;
    resolve();
  });
  all.later(60_000);
  all.later(1);
  await promise;
  await all.stop();
  all.kick();
  await all.idle();
  expect(count).toBe(1);
});

test('a pass may go on and still report', async () => {
  const all = passes(async () => all.report('the map is full'));
  all.kick();
  await all.idle();
  expect(all.problem).toBe('the map is full');
});
