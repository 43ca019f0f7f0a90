import { describe, expect, it } from 'vitest';
import { podSchema } from '../client/pod.ts';
import { type ProbeActions, probePort, ReadinessCount, runProbe } from './readiness.ts';
import { RestartBackoff } from './restart-backoff.ts';
import { Semaphore } from './semaphore.ts';

describe('ReadinessCount', () => {
  it.each([
    [1, 3, 'SFFSFFF', 'RRRRRRu'],
    [2, 1, 'SFSSF', 'uuuRu'],
    [1, 1, 'FSFS', 'uRuR'],
  ])('thresholds %i/%i: %s -> %s', (successThreshold, failureThreshold, results, expected) => {
    const count = new ReadinessCount({ successThreshold, failureThreshold });
    const seen = results.split('').map((r) => {
      count.add(r === 'S');
      return count.ready ? 'R' : 'u';
    });
    expect(seen.join('')).toBe(expected);
  });
});

describe('runProbe', () => {
  const container = podSchema.parse({
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { containers: [{ name: 'c', image: 'x', ports: [{ name: 'http', containerPort: 8080 }] }] },
  }).spec.containers[0];
  if (container === undefined) throw new Error('no container');
  const calls: unknown[] = [];
  const note = (...args: unknown[]): Promise<boolean> => {
    calls.push(args);
    return Promise.resolve(true);
  };
  const actions: ProbeActions = { exec: note, tcp: note, http: note };
  const thresholds = {
    initialDelaySeconds: 0,
    periodSeconds: 1,
    timeoutSeconds: 2,
    successThreshold: 1,
    failureThreshold: 1,
  };

  it.each([
    [{ tcpSocket: { port: 'http' } }, true, [[8080, 2000]]],
    [{ tcpSocket: { port: 'nothing' } }, false, []],
    [{ httpGet: { port: 80 } }, true, [[80, '/', 2000]]],
    [{ exec: { command: ['true'] } }, true, [[['true'], 2000]]],
    [{}, true, []],
  ])('%j', async (probe, expected, wanted) => {
    calls.length = 0;
    expect(await runProbe(container, { ...thresholds, ...probe }, actions)).toBe(expected);
    expect(calls).toEqual(wanted);
  });

  it('finds ports by name', () => {
    expect(probePort(container, 'http')).toBe(8080);
    expect(probePort(container, 'x')).toBeUndefined();
  });
});

describe('RestartBackoff', () => {
  it('starts again at once, then waits longer and longer, and forgets after a long run', () => {
    const backoff = new RestartBackoff({ initialMs: 10, maxMs: 40 });
    expect([0, 0, 0, 0, 0].map((ran) => backoff.next(ran))).toEqual([0, 10, 20, 40, 40]);
    expect(backoff.next(80)).toBe(0);
  });
});

describe('Semaphore', () => {
  it('lets at most so many in, and everybody in the end, failures included', async () => {
    const semaphore = new Semaphore(3);
    let inside = 0;
    let most = 0;
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        semaphore.run(async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside -= 1;
          if (i % 2 === 1) throw new Error('odd');
          return i;
        }),
      ),
    );
    expect(most).toBe(3);
    expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(10);
  });
});
