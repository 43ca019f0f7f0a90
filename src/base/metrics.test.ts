import { expect, it } from 'vitest';
import { byLabel, createRegistry, readCounter, readGauge } from './metrics.ts';

const text = async (registry: ReturnType<typeof createRegistry>): Promise<string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));

it('are read when somebody asks, each time', async () => {
  const registry = createRegistry();
  let now = 3;
  readGauge(registry, { name: 'membrane_test_things', help: 'Things', read: () => now });
  readCounter(registry, { name: 'membrane_test_total', help: 'All', read: async () => now * 10 });
  expect(await text(registry)).toEqual(['membrane_test_things 3', 'membrane_test_total 30']);
  now = Number.NaN;
  readGauge(registry, { name: 'membrane_test_silence', help: 'Nobody knows', read: () => now });
  expect(await registry.getSingleMetricAsString('membrane_test_silence')).toContain('membrane_test_silence Nan');
});

it('tell of nothing that is there no more', async () => {
  const registry = createRegistry();
  let now: Record<string, number> = { one: 1, two: 2 };
  readGauge(registry, {
    name: 'membrane_test_things',
    help: 'Things',
    labelNames: ['which'],
    read: () => byLabel('which', Object.entries(now)),
  });
  readCounter(registry, {
    name: 'membrane_test_total',
    help: 'All',
    labelNames: ['which'],
    read: () => byLabel('which', Object.entries(now)),
  });
  expect(await text(registry)).toHaveLength(4);
  now = { two: 5 };
  expect(await text(registry)).toEqual(['membrane_test_things{which="two"} 5', 'membrane_test_total{which="two"} 5']);
});
