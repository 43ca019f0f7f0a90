import { describe, expect, test } from 'vitest';
import { type JsonObject, type KubeObject, listAt, numberAt, stringAt, timestamp } from '../../apiserver/index.ts';
import { isActive } from '../kit/pods.ts';
import { NAMESPACE, TestCluster } from '../testkit.ts';
import { INDEX } from './indexes.ts';

const template = (restartPolicy = 'Never'): JsonObject => ({
  spec: { restartPolicy, containers: [{ name: 'c', image: 'i' }] },
});

const job = (cluster: TestCluster): KubeObject => cluster.get('jobs', 'work');
const active = (cluster: TestCluster): string[] =>
  cluster
    .list('pods')
    .filter(isActive)
    .map(({ metadata }) => metadata.name);
const conditions = (cluster: TestCluster): string[] =>
  listAt(job(cluster), 'status', 'conditions').map((c) => `${stringAt(c, 'type')}=${stringAt(c, 'status')}`);

async function started(spec: JsonObject = {}): Promise<TestCluster> {
  const cluster = new TestCluster();
  await cluster.create('jobs', 'work', { template: template(), ...spec });
  return cluster;
}

/** Ends one of the pods that run. */
async function end(cluster: TestCluster, phase: 'Succeeded' | 'Failed'): Promise<void> {
  const [name = ''] = active(cluster);
  const finishedAt = timestamp(cluster.clock.now());
  cluster.setPod(name, phase, {
    containerStatuses: [{ name: 'c', restartCount: 0, state: { terminated: { exitCode: 0, finishedAt } } }],
  });
  await cluster.settle();
}

describe('a job', () => {
  test('is complete when its pod has succeeded, which stays to be looked at', async () => {
    await using cluster = await started();
    const { uid = '' } = job(cluster).metadata;
    expect(job(cluster)).toMatchObject({
      spec: { completions: 1, selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } } },
      status: { active: 1, startTime: '2026-01-01T00:00:00Z' },
    });
    expect(cluster.list('pods', 'job-name=work')).toHaveLength(1);
    await end(cluster, 'Succeeded');
    expect(job(cluster)['status']).toMatchObject({ succeeded: 1, completionTime: '2026-01-01T00:00:00Z', ready: 0 });
    expect(conditions(cluster)).toEqual(['SuccessCriteriaMet=True', 'Complete=True']);
    expect(cluster.list('pods')).toMatchObject([{ status: { phase: 'Succeeded' } }]);
    expect(cluster.list('pods')[0]?.metadata.finalizers).toBeUndefined();
    expect(cluster.events('work').at(-1)).toBe('Normal Completed: Job completed');
  });

  test('never runs more at a time than it may, and no more than it needs', async () => {
    await using cluster = await started({ completions: 5, parallelism: 2 });
    for (let left = 5; left > 0; left -= 1) {
      expect(active(cluster)).toHaveLength(Math.min(2, left));
      await end(cluster, 'Succeeded');
    }
    expect(numberAt(job(cluster), 'status', 'succeeded')).toBe(5);
    expect(cluster.list('pods')).toHaveLength(5);
  });

  test('tries again after a failure, later each time, and gives up', async () => {
    await using cluster = await started({ backoffLimit: 2 });
    await end(cluster, 'Failed');
    expect(active(cluster)).toEqual([]);
    await cluster.advance(9);
    expect(active(cluster)).toEqual([]);
    await cluster.advance(1);
    await end(cluster, 'Failed');
    await cluster.advance(19);
    expect(active(cluster)).toEqual([]);
    await cluster.advance(1);
    await end(cluster, 'Failed');
    expect(job(cluster)['status']).toMatchObject({ failed: 3 });
    expect(conditions(cluster)).toEqual(['FailureTarget=True', 'Failed=True']);
    expect(cluster.events('work').at(-1)).toBe(
      'Warning BackoffLimitExceeded: Job has reached the specified backoff limit',
    );
    await cluster.advance(3_600);
    expect(cluster.list('pods')).toHaveLength(3);
  });

  test('its pods go with it, whether they were counted or not', async () => {
    await using cluster = await started({ parallelism: 2, completions: 2 });
    await cluster.delete('jobs', 'work', { propagationPolicy: 'Background' });
    await cluster.runPods();
    expect(cluster.list('pods')).toEqual([]);
  });

  test('counts a pod that somebody deletes as failed, and makes another', async () => {
    await using cluster = await started();
    const [name = ''] = active(cluster);
    await cluster.delete('pods', name);
    expect(numberAt(job(cluster), 'status', 'failed')).toBe(1);
    await cluster.advance(60);
    expect(active(cluster)).toHaveLength(1);
    expect(active(cluster)).not.toContain(name);
  });

  test('gives up when containers were started again too often', async () => {
    await using cluster = await started({ template: template('OnFailure'), backoffLimit: 3 });
    const [name = ''] = active(cluster);
    cluster.setPod(name, 'Running', { containerStatuses: [{ name: 'c', restartCount: 2 }] });
    await cluster.settle();
    expect(conditions(cluster)).toEqual([]);
    cluster.setPod(name, 'Running', { containerStatuses: [{ name: 'c', restartCount: 3 }] });
    await cluster.settle();
    expect(conditions(cluster)).toEqual(['FailureTarget=True']);
    await cluster.runPods();
    expect(conditions(cluster)).toEqual(['FailureTarget=True', 'Failed=True']);
  });

  test('is ended at its deadline', async () => {
    await using cluster = await started({ activeDeadlineSeconds: 30, parallelism: 2, completions: 2 });
    await cluster.runPods();
    await cluster.advance(29);
    expect(active(cluster)).toHaveLength(2);
    await cluster.advance(1);
    await cluster.runPods();
    expect(conditions(cluster)).toEqual(['FailureTarget=True', 'Failed=True']);
    expect(cluster.list('pods')).toEqual([]);
    expect(stringAt(job(cluster), 'status', 'conditions', 1, 'reason')).toBe('DeadlineExceeded');
  });

  test('goes by itself after its time', async () => {
    await using cluster = await started({ ttlSecondsAfterFinished: 10 });
    await end(cluster, 'Succeeded');
    await cluster.advance(9);
    expect(cluster.names('jobs')).toEqual(['work']);
    await cluster.advance(1);
    expect(cluster.names('jobs')).toEqual([]);
    expect(cluster.names('pods')).toEqual([]);
  });

  test('can be suspended and resumed, which is no failure', async () => {
    await using cluster = await started({ suspend: true, backoffLimit: 0 });
    expect(cluster.names('pods')).toEqual([]);
    expect(conditions(cluster)).toEqual(['Suspended=True']);
    await cluster.patch('jobs', 'work', { spec: { suspend: false } });
    expect(active(cluster)).toHaveLength(1);
    await cluster.patch('jobs', 'work', { spec: { suspend: true } });
    expect(active(cluster)).toEqual([]);
    expect(job(cluster)['status']).not.toHaveProperty('failed');
    await cluster.patch('jobs', 'work', { spec: { suspend: false } });
    expect(active(cluster)).toHaveLength(1);
  });

  test('without a number of completions is done when one has succeeded and all have ended', async () => {
    await using cluster = await started({ parallelism: 3 });
    expect(active(cluster)).toHaveLength(3);
    await end(cluster, 'Succeeded');
    expect(active(cluster)).toHaveLength(2);
    expect(conditions(cluster)).toEqual([]);
    await end(cluster, 'Succeeded');
    await end(cluster, 'Succeeded');
    expect(conditions(cluster)).toContain('Complete=True');
  });

  test('leaves its pods behind unless the deletion says otherwise', async () => {
    await using cluster = await started();
    await cluster.delete('jobs', 'work');
    expect(cluster.names('jobs')).toEqual([]);
    expect(cluster.list('pods')).toHaveLength(1);
  });

  test('that is indexed does each part of the work once, and tells its pods which', async () => {
    await using cluster = await started({ completionMode: 'Indexed', completions: 4, parallelism: 2 });
    const running = () => cluster.list('pods').filter(isActive);
    const indexes = () => running().map(({ metadata }) => metadata.annotations?.[INDEX]);
    expect(new Set(indexes())).toEqual(new Set(['0', '1']));
    const fieldRef = { apiVersion: 'v1', fieldPath: `metadata.annotations['${INDEX}']` };
    expect(running().find(({ metadata }) => metadata.annotations?.[INDEX] === '1')).toMatchObject({
      metadata: { name: expect.stringMatching(/^work-1-[a-z0-9]{5}$/), labels: { [INDEX]: '1' } },
      spec: {
        hostname: 'work-1',
        containers: [{ env: [{ name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef } }] }],
      },
    });
    const done = async (index: string, phase: 'Succeeded' | 'Failed') => {
      const pod = running().find(({ metadata }) => metadata.annotations?.[INDEX] === index);
      const finishedAt = timestamp(cluster.clock.now());
      cluster.setPod(pod?.metadata.name ?? '', phase, {
        containerStatuses: [{ name: 'c', restartCount: 0, state: { terminated: { exitCode: 0, finishedAt } } }],
      });
      await cluster.settle();
    };
    await done('1', 'Succeeded');
    expect(new Set(indexes())).toEqual(new Set(['0', '2']));
    // The work of one that fails is done again, by another.
    await done('0', 'Failed');
    await cluster.advance(10);
    expect(new Set(indexes())).toEqual(new Set(['0', '2']));
    await done('2', 'Succeeded');
    expect(job(cluster)['status']).toMatchObject({ succeeded: 2, failed: 1, completedIndexes: '1,2' });
    await done('3', 'Succeeded');
    expect(job(cluster)['status']).toMatchObject({ succeeded: 3, completedIndexes: '1-3' });
    await done('0', 'Succeeded');
    expect(job(cluster)['status']).toMatchObject({ succeeded: 4, completedIndexes: '0-3' });
    expect(conditions(cluster)).toEqual(['SuccessCriteriaMet=True', 'Complete=True']);
  });

  test.each<[JsonObject, string]>([
    [{ template: template('Always') }, 'restartPolicy: Required value: valid values: "OnFailure", "Never"'],
    [{ completionMode: 'Sorted' }, 'spec.completionMode: Unsupported value: "Sorted"'],
    [
      { completionMode: 'Indexed', parallelism: 2 },
      'spec.completions: Required value: when completion mode is Indexed',
    ],
    [{ parallelism: -1 }, 'spec.parallelism: Invalid value: -1: must be greater than or equal to 0'],
    [{ podFailurePolicy: { rules: [] } }, 'spec.podFailurePolicy: Forbidden: not supported by the Membrane sandbox'],
  ])('is refused with %j', async (spec, message) => {
    await using cluster = new TestCluster();
    const create = () =>
      cluster.store.create('jobs', {
        metadata: { name: 'work', namespace: NAMESPACE },
        spec: { template: template(), ...spec },
      });
    expect(create).toThrow(message);
  });
});
