import { expect, it } from 'vitest';
import { Lifecycle, type Logger, silentLogger } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { FakeClock } from '../../base/testkit.ts';
import { LoopbackWatch } from './loopback-watch.ts';

it('warns once a change, and the metric follows', async () => {
  const said: string[] = [];
  const note =
    (level: string) =>
    ({ interfaces = '' }: { interfaces?: string }) =>
      void said.push(`${level} ${interfaces}`.trim());
  const log = Object.assign(Object.create(silentLogger) as Logger, { warn: note('warn'), info: note('info') });
  const clock = new FakeClock();
  const registry = createRegistry();
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  let set: string[] = [];
  const gauge = async (): Promise<string | undefined> =>
    /^membrane_route_localnet_interfaces (\d+)$/m.exec(await registry.metrics())?.[1];
  await lifecycle.start(new LoopbackWatch({ look: () => set, registry, clock, log }));
  expect([said, await gauge()]).toEqual([[], '0']);

  for (const [now, count] of [
    [['all'], '1'],
    [['all'], '1'],
    [['all', 'eth0'], '2'],
    [[], '0'],
    [[], '0'],
  ] as const) {
    set = [...now];
    await clock.advance(29_000);
    await clock.advance(1_000);
    expect(await gauge()).toBe(count);
  }
  expect(said).toEqual(['warn all', 'warn all, eth0', 'info']);
  await lifecycle.stop();
});
