import { describe, expect, it } from 'vitest';
import { type Pod, podSchema } from '../client/pod.ts';
import { type ContainerRecord, type ContainerState, podPhase, podStatus } from './pod-status.ts';

const waiting: ContainerState = { kind: 'waiting', reason: 'ContainerCreating' };
const running: ContainerState = { kind: 'running', startedAt: 't' };
const ended = (exitCode: number): ContainerState => ({
  kind: 'terminated',
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
  startedAt: 't',
  finishedAt: 't',
});

function pod(restartPolicy: string, names: string[], inits: string[] = []): Pod {
  const container = (name: string) => ({ name, image: 'pause' });
  return podSchema.parse({
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { restartPolicy, containers: names.map(container), initContainers: inits.map(container) },
  });
}

function record(states: Record<string, ContainerState | ContainerRecord>) {
  const containers = Object.entries(states).map(([name, state]): [string, ContainerRecord] => [
    name,
    'state' in state ? state : { state, restarts: 0, ready: true },
  ]);
  return { startTime: 't0', hostIP: '172.18.0.2', podIPs: ['10.244.1.5'], containers: new Map(containers) };
}

describe('podPhase', () => {
  it.each([
    ['nothing yet', 'Always', {}, 'Pending'],
    ['one waits', 'Always', { a: running, b: waiting }, 'Running'],
    ['all wait', 'Always', { a: waiting, b: waiting }, 'Pending'],
    ['all run', 'Always', { a: running, b: running }, 'Running'],
    [
      'crash loop',
      'Always',
      { a: { state: waiting, last: ended(1), restarts: 1, ready: false }, b: waiting },
      'Running',
    ],
    ['ended, to be restarted', 'Always', { a: ended(0), b: ended(0) }, 'Running'],
    ['all good', 'Never', { a: ended(0), b: ended(0) }, 'Succeeded'],
    ['one bad', 'Never', { a: ended(0), b: ended(3) }, 'Failed'],
    ['one still runs', 'Never', { a: ended(3), b: running }, 'Running'],
    ['good, on failure', 'OnFailure', { a: ended(0), b: ended(0) }, 'Succeeded'],
    ['bad, on failure', 'OnFailure', { a: ended(1), b: ended(0) }, 'Running'],
  ] as const)('%s', (_, policy, states, phase) => {
    expect(podPhase(pod(policy, ['a', 'b']), record(states))).toBe(phase);
  });

  it.each([
    ['Always', { i: waiting }, 'Pending'],
    ['Always', { i: ended(1) }, 'Pending'],
    ['Never', { i: ended(1) }, 'Failed'],
    ['Always', { i: ended(0), a: running }, 'Running'],
  ] as const)('init containers first: %s %j', (policy, states, phase) => {
    expect(podPhase(pod(policy, ['a'], ['i']), record(states))).toBe(phase);
  });
});

describe('podStatus', () => {
  it('is ready when every container runs and is ready', () => {
    const { status } = podStatus(pod('Always', ['a']), record({ a: running }), 'now');
    expect(status).toMatchObject({
      phase: 'Running',
      podIP: '10.244.1.5',
      podIPs: [{ ip: '10.244.1.5' }],
      hostIP: '172.18.0.2',
      containerStatuses: [{ name: 'a', ready: true, restartCount: 0, state: { running: { startedAt: 't' } } }],
    });
    expect(status['conditions']).toEqual(
      ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: 'now',
      })),
    );
  });

  it('names the containers that are not ready', () => {
    const unready = { state: running, restarts: 0, ready: false };
    const { status } = podStatus(pod('Always', ['a', 'b']), record({ a: running, b: unready }), 'now');
    expect(status['conditions']).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False', message: 'containers with unready status: [b]' }),
    );
  });

  it('keeps the time of a condition that has not changed', () => {
    const first = podStatus(pod('Always', ['a']), record({ a: waiting }), 't1');
    const second = podStatus(pod('Always', ['a']), record({ a: running }), 't2', first.conditions);
    const times = second.conditions.map((c) => [c.type, c.lastTransitionTime]);
    expect(times).toEqual([
      ['Initialized', 't1'],
      ['Ready', 't2'],
      ['ContainersReady', 't2'],
      ['PodScheduled', 't1'],
    ]);
  });
});
