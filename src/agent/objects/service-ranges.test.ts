import { expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import type { ServiceRangesReading } from '../../kube/index.ts';
import type { Prefix } from '../../net/index.ts';
import { Table } from '../../table/index.ts';
import { ServiceRanges } from './service-ranges.ts';

const ended = async (signal: AbortSignal): Promise<never> =>
  await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('ended')));
  });

/** Ranges that are read one after the other, and what a watch says after each: nothing before `say`. */
async function scene(canWatch: boolean) {
  const clock = new FakeClock();
  const known: string[] = [];
  const table = new Table<Prefix>(String);
  table.changed.listen(() => known.push([...table.rows.keys()].join(' ')));
  let now = ['10.96.0.0/12'];
  let reads = 0;
  let say = Promise.withResolvers<boolean>();
  const ranges = new ServiceRanges({
    read: async (): Promise<ServiceRangesReading> => {
      reads += 1;
      const answer = { ranges: now };
      return canWatch
        ? { ...answer, changed: async (signal) => await Promise.race([say.promise, ended(signal)]) }
        : answer;
    },
    ranges: table,
    clock,
    log: silentLogger,
  });
  const lifecycle = new Lifecycle({ log: silentLogger });
  await ranges.start(lifecycle);
  const tick = async (ms: number) => {
    await new Promise(setImmediate);
    await clock.advance(ms);
    await new Promise(setImmediate);
  };
  await tick(0);
  return {
    known,
    tick,
    setClock: (by: number) => clock.set(by),
    reads: () => reads,
    change: (...texts: string[]) => (now = [...texts]),
    watchSays: (what: boolean | Error) => {
      const { resolve, reject } = say;
      say = Promise.withResolvers<boolean>();
      if (what instanceof Error) reject(what);
      else resolve(what);
    },
    stop: async () => await lifecycle.stop(),
  };
}

it('reads again as soon as a watch says so, and not oftener than once a second', async () => {
  const it = await scene(true);
  it.change('10.112.0.0/16', '10.96.0.0/12');
  await it.tick(50_000);
  expect(it.known).toEqual(['10.96.0.0/12']);
  it.watchSays(true);
  await it.tick(999);
  expect(it.reads()).toBe(1);
  await it.tick(1);
  expect(it.known.at(-1)?.split(' ').toSorted()).toEqual(['10.112.0.0/16', '10.96.0.0/12']);
  it.change('10.112.0.0/16');
  it.watchSays(true);
  await it.tick(1_000);
  await it.tick(1_000);
  expect(it.known).toHaveLength(3);
  expect(it.known.at(-1)).toBe('10.112.0.0/16');
  await it.stop();
});

it.each([
  ['cannot be watched', false],
  ['cannot be watched any more', true],
])('reads once a minute where ranges %s', async (_when, canWatch) => {
  const it = await scene(canWatch);
  if (canWatch) it.watchSays(new Error('forbidden'));
  it.change('10.112.0.0/16', '10.96.0.0/12');
  await it.tick(0);
  it.setClock(-3_600_000);
  await it.tick(59_000);
  expect(it.reads()).toBe(1);
  await it.tick(1_000);
  expect(it.known).toHaveLength(2);
  await it.stop();
});
