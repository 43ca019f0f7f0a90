import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../base/testkit.ts';
import { podSchema } from '../../client/pod.ts';
import { Deadline } from './deadline.ts';
import { stopOrder } from './stop-order.ts';

describe('stopOrder', () => {
  const order = (inits: Record<string, string | undefined>, containers: string[]) =>
    stopOrder(
      podSchema.parse({
        metadata: { name: 'p', namespace: 'n', uid: 'u' },
        spec: {
          initContainers: Object.entries(inits).map(([name, restartPolicy]) => ({ name, restartPolicy })),
          containers: containers.map((name) => ({ name })),
        },
      }),
    );

  it.each([
    ['no sidecar', { i: undefined }, [['i', 'a', 'b']]],
    ['the last sidecar first', { s: 'Always', i: undefined, t: 'Always' }, [['i', 'a', 'b'], ['t'], ['s']]],
  ] as const)('%s', (_, inits, expected) => {
    expect(order(inits, ['a', 'b'])).toEqual(expected);
  });
});

describe('Deadline', () => {
  it('counts from the beginning, whatever is set later', async () => {
    const clock = new FakeClock(1_000);
    const deadline = new Deadline(clock);
    deadline.set(100);
    await clock.advance(20_000);
    deadline.set(30);
    await clock.advance(9_000);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(1_000);
    expect(deadline.signal.aborted).toBe(true);
  });

  it.each([[undefined], [50]])('is not there before its time, nor when it was taken away (%s)', async (next) => {
    const clock = new FakeClock();
    const deadline = new Deadline(clock);
    deadline.set(10);
    deadline.set(next);
    await clock.advance(20_000);
    expect(deadline.signal.aborted).toBe(false);
    deadline.stop();
  });

  it('is over at once when it is shorter than what has passed', async () => {
    const clock = new FakeClock();
    const deadline = new Deadline(clock);
    await clock.advance(5_000);
    deadline.set(5);
    await clock.advance(0);
    expect(deadline.signal.aborted).toBe(true);
  });
});
