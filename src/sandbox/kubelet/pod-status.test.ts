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

/** An init container whose name begins with `s` is a sidecar. */
function pod(restartPolicy: string, names: string[], inits: string[] = []): Pod {
  const container = (name: string) => ({
    name,
    image: 'pause',
    ...(name.startsWith('s') && { restartPolicy: 'Always' }),
  });
  return podSchema.parse({
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { restartPolicy, containers: names.map(container), initContainers: inits.map(container) },
  });
}

function record(states: Record<string, ContainerState | ContainerRecord>) {
  const containers = Object.entries(states).map(([name, state]): [string, ContainerRecord] => [
    name,
    'state' in state ? state : { state, restarts: 0, started: state.kind === 'running', ready: true },
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
      { a: { state: waiting, last: ended(1), restarts: 1, started: false, ready: false }, b: waiting },
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

describe('a sidecar', () => {
  const unstarted = { state: running, restarts: 0, started: false, ready: false };
  const again = { state: waiting, last: ended(1), restarts: 1, started: false, ready: false };

  it.each([
    ['has to be started first', 'Always', { s: unstarted }, 'Pending', 'False'],
    ['lets the others begin', 'Always', { s: running, a: running }, 'Running', 'True'],
    ['does not take the pod back when it is started again', 'Always', { s: again, a: running }, 'Running', 'False'],
    ['is ended before the pod is over', 'Never', { s: running, a: ended(0) }, 'Running', 'False'],
    ['does not fail the pod', 'Never', { s: ended(137), a: ended(0) }, 'Succeeded', 'False'],
  ] as const)('%s', (_, policy, states, phase, ready) => {
    const { status, conditions } = podStatus(pod(policy, ['a'], ['s']), record(states), 'now');
    expect(status['phase']).toBe(phase);
    expect(conditions.find((c) => c.type === 'Ready')?.status).toBe(ready);
  });
});

it('a pod that was active too long has failed, and says why', () => {
  const failed = { reason: 'DeadlineExceeded', message: 'Pod was active too long' };
  const { status } = podStatus(pod('Always', ['a']), { ...record({ a: running }), failed }, 'now');
  expect(status).toMatchObject({ phase: 'Failed', ...failed });
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
      ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: 'now',
      })),
    );
  });

  it('names the containers that are not ready', () => {
    const unready = { state: running, restarts: 0, started: true, ready: false };
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
      ['PodReadyToStartContainers', 't1'],
      ['Initialized', 't1'],
      ['Ready', 't2'],
      ['ContainersReady', 't2'],
      ['PodScheduled', 't1'],
    ]);
  });
});
