import { expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { StartGarbage } from './start-garbage.ts';

it('is collected when what was there at the start is in the kernel, once more later, and never again', async () => {
  const clock = new FakeClock();
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  let over = false;
  let collected = 0;
  const after = async (seconds: number): Promise<number> => {
    for (let half = 0; half < seconds * 2; half += 1) await clock.advance(500);
    return collected;
  };
  await lifecycle.start(new StartGarbage({ isOver: () => over, clock, collect: () => void (collected += 1) }));
  expect(await after(60)).toBe(0);
  over = true;
  expect(await after(2)).toBe(1);
  expect(await after(10)).toBe(2);
  expect(await after(60)).toBe(2);
  await lifecycle.stop();
});
