import { expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { StartGarbage } from './start-garbage.ts';

/** A start whose garbage is counted instead; `after` so many seconds, in which something changes or not. */
async function started() {
  const clock = new FakeClock();
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  const state = { isOver: false, passes: 0, collected: 0 };
  await lifecycle.start(
    new StartGarbage({
      isOver: () => state.isOver,
      passes: () => state.passes,
      clock,
      collect: () => void (state.collected += 1),
    }),
  );
  const after = async (seconds: number, { isBusy = false } = {}): Promise<number> => {
    for (let half = 0; half < seconds * 2; half += 1) {
      if (isBusy) state.passes += 1;
      await clock.advance(500);
    }
    return state.collected;
  };
  return { state, after, [Symbol.asyncDispose]: async () => await lifecycle.stop() };
}

it('is collected when what was there at the start is in the kernel, once more later, and never again', async () => {
  await using start = await started();
  expect(await start.after(60)).toBe(0);
  start.state.isOver = true;
  expect(await start.after(2)).toBe(1);
  expect(await start.after(11)).toBe(2);
  expect(await start.after(60)).toBe(2);
});

it('waits for a moment in which nothing changes, for a minute at most', async () => {
  await using start = await started();
  start.state.isOver = true;
  expect(await start.after(30, { isBusy: true })).toBe(0);
  expect(await start.after(1)).toBe(1);
  expect(await start.after(60, { isBusy: true })).toBe(1);
  expect(await start.after(15, { isBusy: true })).toBe(2);
});
