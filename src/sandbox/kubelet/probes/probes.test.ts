import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../base/testkit.ts';
import { type Container, podSchema } from '../../client/pod.ts';
import { watchContainer } from './container-probes.ts';
import { failed, type ProbeActions, type ProbeResult, probePort, runHandler, WENT_WELL } from './probe-actions.ts';
import { ProbeCount } from './probe-count.ts';

function containerOf(container: Record<string, unknown>): Container {
  const ports = [{ name: 'http', containerPort: 8080 }];
  const [made] = podSchema.parse({
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { containers: [{ name: 'c', image: 'x', ports, ...container }] },
  }).spec.containers;
  if (made === undefined) throw new Error('no container');
  return made;
}

describe('ProbeCount', () => {
  it.each([
    [1, 3, false, 'SFFSFFF', '++++++-'],
    [2, 1, false, 'SFSSF', '---+-'],
    [1, 1, undefined, 'FSFS', '-+-+'],
    [1, 3, undefined, 'FFSFF', '??+++'],
    [1, 2, true, 'FSFF', '+++-'],
  ])('thresholds %i/%i from %s: %s -> %s', (successThreshold, failureThreshold, initial, results, expected) => {
    const count = new ProbeCount({ successThreshold, failureThreshold }, initial);
    const seen = results.split('').map((r) => {
      count.add(r === 'S');
      return count.verdict === undefined ? '?' : count.verdict ? '+' : '-';
    });
    expect(seen.join('')).toBe(expected);
  });
});

describe('runHandler', () => {
  const container = containerOf({});
  const calls: unknown[] = [];
  const note = async (...args: unknown[]): Promise<ProbeResult> => {
    calls.push(args);
    return WENT_WELL;
  };
  const actions: ProbeActions = { exec: note, tcp: note, http: note, grpc: note };
  const plain = { host: undefined, path: '/', isTls: false, headers: [] };

  it.each([
    [{ tcpSocket: { port: 'http' } }, WENT_WELL, [[undefined, 8080, 2000]]],
    [{ tcpSocket: { port: 'nothing' } }, failed('couldn\'t find port: "nothing"'), []],
    [{ httpGet: { port: 80, headers: [] } }, WENT_WELL, [[{ ...plain, port: 80 }, 2000]]],
    [
      {
        httpGet: {
          port: 'http',
          path: 'live',
          host: '10.0.0.9',
          scheme: 'HTTPS',
          httpHeaders: [{ name: 'A', value: 'b' }],
        },
      },
      WENT_WELL,
      [[{ host: '10.0.0.9', port: 8080, path: '/live', isTls: true, headers: [{ name: 'A', value: 'b' }] }, 2000]],
    ],
    [{ exec: { command: ['true'] } }, WENT_WELL, [[['true'], 2000]]],
    [{ grpc: { port: 90 } }, WENT_WELL, [[90, '', 2000]]],
    [{}, WENT_WELL, []],
  ])('%j', async (handler, expected, wanted) => {
    calls.length = 0;
    const { livenessProbe = {} } = containerOf({ livenessProbe: handler });
    expect(await runHandler(container, livenessProbe, actions, 2_000)).toEqual(expected);
    expect(calls).toEqual(wanted);
  });

  it('finds ports by name', () => {
    expect(probePort(container, 'http')).toBe(8080);
    expect(probePort(container, 'x')).toBeUndefined();
  });
});

describe('watchContainer', () => {
  /** Each second of a container's life: what its probes answer at that time, and what was said of it. */
  async function live(
    container: Record<string, unknown>,
    seconds: number,
    good: (probe: string, at: number) => boolean,
  ) {
    const clock = new FakeClock();
    const said: string[] = [];
    const asked: string[] = [];
    const ended = new AbortController();
    const say = (what: string): void => void said.push(`${clock.now() / 1_000} ${what}`);
    const answer = async ([name = '']: readonly string[]): Promise<ProbeResult> => {
      asked.push(`${clock.now() / 1_000} ${name}`);
      return good(name, clock.now() / 1_000) ? WENT_WELL : failed('bad');
    };
    const none = (): Promise<ProbeResult> => Promise.reject(new Error('not asked for'));
    const watching = watchContainer({
      container: containerOf(container),
      actions: { exec: answer, tcp: none, http: none, grpc: none },
      clock,
      startedAt: 0,
      signal: ended.signal,
      onStarted: () => say('started'),
      onReady: (ready) => say(ready ? 'ready' : 'unready'),
      onFailure: (kind) => say(`${kind} failed`),
      onDead: (kind) => {
        say(`dead by ${kind}`);
        ended.abort();
      },
    });
    await clock.advance(0);
    for (let at = 0; at < seconds; at += 1) await clock.advance(1_000);
    ended.abort();
    await watching;
    return { said, asked };
  }

  const probe = (name: string, more: Record<string, unknown> = {}) => ({
    exec: { command: [name] },
    periodSeconds: 2,
    ...more,
  });

  it('asks nothing else before the startup probe has succeeded', async () => {
    const container = {
      startupProbe: probe('startup', { failureThreshold: 10 }),
      livenessProbe: probe('live'),
      readinessProbe: probe('ready'),
    };
    const { said, asked } = await live(container, 7, (name, at) => name !== 'startup' || at >= 4);
    expect(said).toEqual(['0 Startup failed', '2 Startup failed', '4 started', '4 ready']);
    expect(asked.filter((line) => Number(line.split(' ')[0]) < 4)).toEqual(['0 startup', '2 startup']);
    expect(asked.filter((line) => line.endsWith('startup'))).toHaveLength(3);
  });

  it('ends a container whose startup takes too long', async () => {
    const { said } = await live({ startupProbe: probe('startup', { failureThreshold: 2 }) }, 9, () => false);
    expect(said).toEqual(['0 Startup failed', '2 Startup failed', '2 dead by Startup']);
  });

  it('ends a container that is not alive any more, after as many failures in a row as it may have', async () => {
    const container = { livenessProbe: probe('live', { initialDelaySeconds: 3, failureThreshold: 2 }) };
    const { said } = await live(container, 20, (_name, at) => at < 5 || at === 7);
    expect(said).toEqual([
      '0 started',
      '0 ready',
      '5 Liveness failed',
      '9 Liveness failed',
      '11 Liveness failed',
      '11 dead by Liveness',
    ]);
  });

  it('asks early whether a container is ready, and tells only of the failures at its pace', async () => {
    const container = { readinessProbe: probe('ready', { periodSeconds: 10, failureThreshold: 1 }) };
    const { said } = await live(container, 21, (_name, at) => at >= 2 && at < 15);
    expect(said).toEqual([
      '0 started',
      '0 Readiness failed',
      expect.stringMatching(/^[23] ready$/),
      '20 Readiness failed',
      '20 unready',
    ]);
  });
});
