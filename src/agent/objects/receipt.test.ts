import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Lifecycle, Signal, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { Receipt } from './receipt.ts';

it('says why it does not get through, at the beginning and later, and goes on trying', async () => {
  const clock = new FakeClock();
  const numbers = { heard: 0, heardMore: new Signal() };
  const asked: string[] = [];
  let isRefused = true;
  const ask = async (what: string): Promise<void> => {
    asked.push(what);
    if (isRefused) throw new Error('may not');
  };
  const receipts = {
    announce: async () => await ask('announce'),
    give: async (_node: string, heard: number) => await ask(`give ${heard}`),
  };
  const receipt = new Receipt({ numbers, receipts, node: 'node-1', clock });
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  let isAnnounced = false;
  void receipt.announced.then(() => (isAnnounced = true));
  const pass = async (ms: number): Promise<void> => {
    for (let gone = 0; gone < ms; gone += 100) {
      await clock.advance(100);
      await setImmediate();
    }
  };
  await lifecycle.start(receipt);
  await pass(5_000);
  expect([receipt.problem, isAnnounced]).toEqual(['may not', false]);
  expect(asked.length).toBeGreaterThan(1);
  isRefused = false;
  await pass(60_000);
  expect([receipt.problem, isAnnounced]).toEqual([undefined, true]);
  isRefused = true;
  numbers.heard = 7;
  numbers.heardMore.emit();
  await pass(5_000);
  expect([receipt.problem, asked.includes('give 7')]).toEqual(['may not', true]);
  isRefused = false;
  await pass(60_000);
  expect([receipt.problem, asked.at(-1)]).toEqual([undefined, 'give 7']);
  await lifecycle.stop();
});
