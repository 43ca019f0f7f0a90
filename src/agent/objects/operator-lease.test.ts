import { expect, it } from 'vitest';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { FakeClock } from '../../base/testkit.ts';
import { type LeaseRecord, microTime } from '../../kube/index.ts';
import { OperatorLease } from './operator-lease.ts';

const BEGUN = { seconds: 15, acquiredAt: '', transitions: 0, resourceVersion: '1' };

it('says for how long no operator has renewed the lease, by what passes here', async () => {
  const clock = new FakeClock();
  const registry = createRegistry();
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  let lease: LeaseRecord | Error | undefined;
  const get = async (): Promise<LeaseRecord | undefined> => {
    if (lease instanceof Error) throw lease;
    return lease;
  };
  const silence = async (): Promise<string | undefined> =>
    /^membrane_kube_operator_silence_seconds (\S+)$/m.exec(await registry.metrics())?.[1]?.replace('Nan', 'NaN');
  // An operator whose clock is years behind.
  const renewed = (at: number, holder = 'a'): LeaseRecord => ({ ...BEGUN, holder, renewedAt: microTime(at) });
  const watch = new OperatorLease({ lease: { get }, registry, clock, log: silentLogger });
  expect(await silence()).toBe('NaN');

  lease = new Error('away');
  await lifecycle.start(watch);
  await clock.advance(1_000);
  expect(await silence()).toBe('NaN');
  const steps: readonly [LeaseRecord | Error | undefined, string][] = [
    [renewed(1), '0'],
    [renewed(2), '0'],
    [renewed(2), '60'],
    [renewed(2), '120'],
    [new Error('away'), 'NaN'],
    // What was not seen to change has not changed.
    [renewed(2), '240'],
    [renewed(3), '0'],
    // Given back: nobody leads from now on.
    [renewed(4, ''), '0'],
    [renewed(4, ''), '60'],
    [undefined, '0'],
    [undefined, '60'],
  ];
  for (const [index, [next, expected]] of steps.entries()) {
    lease = next;
    await clock.advance(index === 0 ? 59_000 : 60_000);
    expect(await silence(), `step ${index}`).toBe(expected);
  }
  await lifecycle.stop();
});
