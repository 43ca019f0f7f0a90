import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type JsonObject, type KubeObject, listAt, numberAt, stringAt } from '../../apiserver/index.ts';
import { TestCluster, workloadSpec } from '../testkit.ts';

const deployment = (cluster: TestCluster): KubeObject => cluster.get('deployments', 'web');
const condition = (cluster: TestCluster, type: string): JsonObject | undefined =>
  listAt(deployment(cluster), 'status', 'conditions').find((c) => stringAt(c, 'type') === type) as JsonObject;
const sizes = (cluster: TestCluster): Record<string, number> =>
  Object.fromEntries(
    cluster
      .list('replicasets')
      .map((set) => [
        set.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? '',
        numberAt(set, 'spec', 'replicas') ?? 0,
      ]),
  );
const setImage = (cluster: TestCluster, image: string): Promise<void> =>
  cluster.patch('deployments', 'web', { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } });

async function started(spec: JsonObject = {}): Promise<TestCluster> {
  const cluster = new TestCluster();
  await cluster.create('deployments', 'web', workloadSpec('web', { replicas: 4, ...spec }));
  await cluster.runPods();
  return cluster;
}

describe('a new deployment', () => {
  test('makes a replica set of its template, and says how far it is', async () => {
    await using cluster = new TestCluster();
    await cluster.create('deployments', 'web', workloadSpec('web', { replicas: 2 }));
    const [set] = cluster.list('replicasets');
    const hash = set?.metadata.labels?.['pod-template-hash'] ?? '';
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
    expect(set).toMatchObject({
      metadata: {
        name: `web-${hash}`,
        annotations: {
          'deployment.kubernetes.io/revision': '1',
          'deployment.kubernetes.io/desired-replicas': '2',
          'deployment.kubernetes.io/max-replicas': '3',
        },
        ownerReferences: [{ kind: 'Deployment', name: 'web', controller: true }],
      },
      spec: { replicas: 2, selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } } },
    });
    expect(cluster.list('pods', `pod-template-hash=${hash}`)).toHaveLength(2);
    expect(deployment(cluster)).toMatchObject({
      metadata: { annotations: { 'deployment.kubernetes.io/revision': '1' } },
      status: { observedGeneration: 1, replicas: 2, updatedReplicas: 2, unavailableReplicas: 2 },
    });
    expect(condition(cluster, 'Available')).toMatchObject({ status: 'False', reason: 'MinimumReplicasUnavailable' });
    expect(condition(cluster, 'Progressing')).toMatchObject({ status: 'True', reason: 'ReplicaSetUpdated' });
    expect(cluster.events('web')).toEqual([`Normal ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 2`]);
    await cluster.runPods();
    expect(deployment(cluster)['status']).toMatchObject({ readyReplicas: 2, availableReplicas: 2 });
    expect(condition(cluster, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(condition(cluster, 'Progressing')).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "web-${hash}" has successfully progressed.`,
    });
  });

  test('writes nothing more once it is what it says', async () => {
    await using cluster = await started();
    const { resourceVersion } = cluster.store;
    await cluster.advance(3_600);
    expect(cluster.store.resourceVersion).toBe(resourceVersion);
  });
});

describe('a rolling update', () => {
  test('goes step by step, as pods become available', async () => {
    await using cluster = await started({ strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
    await setImage(cluster, 'pause:2');
    expect(sizes(cluster)).toEqual({ 1: 3, 2: 2 });
    const waiting = cluster.list('pods').filter((pod) => stringAt(pod, 'status', 'phase') === 'Pending');
    expect(waiting).toHaveLength(2);
    for (const { metadata } of waiting) cluster.setPod(metadata.name, 'Running');
    await cluster.settle();
    expect(sizes(cluster)).toEqual({ 1: 1, 2: 4 });
    await cluster.runPods();
    expect(sizes(cluster)).toEqual({ 1: 0, 2: 4 });
    expect(deployment(cluster).metadata.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '2' });
  });

  test('stops where new pods do not serve, and is told to be overdue', async () => {
    await using cluster = await started({ progressDeadlineSeconds: 60 });
    await setImage(cluster, 'broken');
    expect(sizes(cluster)).toEqual({ 1: 3, 2: 2 });
    await cluster.advance(59);
    expect(condition(cluster, 'Progressing')).toMatchObject({ status: 'True' });
    await cluster.advance(3);
    expect(condition(cluster, 'Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    expect(condition(cluster, 'Available')).toMatchObject({ status: 'True' });
    await setImage(cluster, 'pause:1');
    await cluster.runPods();
    expect(condition(cluster, 'Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
    expect(sizes(cluster)).toEqual({ 2: 0, 3: 4 });
  });

  test('goes back to a set that is still there, as a new revision', async () => {
    await using cluster = await started();
    const [first] = cluster.names('replicasets');
    await setImage(cluster, 'pause:2');
    await cluster.runPods();
    await setImage(cluster, 'pause:1');
    await cluster.runPods();
    expect(cluster.names('replicasets')).toHaveLength(2);
    expect(cluster.get('replicasets', first ?? '')).toMatchObject({
      metadata: {
        annotations: {
          'deployment.kubernetes.io/revision': '3',
          'deployment.kubernetes.io/revision-history': '1',
        },
      },
      spec: { replicas: 4 },
    });
  });

  test('keeps as many old sets as one may go back to', async () => {
    await using cluster = await started({ revisionHistoryLimit: 2 });
    for (const image of ['a', 'b', 'c', 'd']) {
      await setImage(cluster, image);
      await cluster.runPods();
    }
    expect(sizes(cluster)).toEqual({ 3: 0, 4: 0, 5: 4 });
  });

  test('waits for what is ready to be so for long enough', async () => {
    await using cluster = await started({ minReadySeconds: 30, replicas: 1 });
    await cluster.advance(30);
    await setImage(cluster, 'pause:2');
    await cluster.runPods();
    expect(sizes(cluster)).toEqual({ 1: 1, 2: 1 });
    await cluster.advance(29);
    expect(sizes(cluster)).toEqual({ 1: 1, 2: 1 });
    await cluster.advance(1);
    expect(sizes(cluster)).toEqual({ 1: 0, 2: 1 });
  });

  test('never has more or fewer pods than the strategy says, in whatever order they start', async () => {
    const count = fc.oneof(
      fc.nat(3),
      fc.nat(100).map((n) => `${n}%`),
    );
    const strategy = fc
      .record({ maxSurge: count, maxUnavailable: count })
      .filter(
        ({ maxSurge, maxUnavailable }) =>
          Number.parseInt(`${maxSurge}`, 10) + Number.parseInt(`${maxUnavailable}`, 10) > 0,
      );
    const plan = fc.record({ replicas: fc.integer({ min: 1, max: 6 }), strategy, order: fc.infiniteStream(fc.nat()) });
    await fc.assert(
      fc.asyncProperty(plan, async ({ replicas, strategy: rollingUpdate, order }) => {
        await using cluster = await started({ replicas, strategy: { rollingUpdate } });
        const of = (value: string | number, round: (n: number) => number): number =>
          typeof value === 'number' ? value : round((Number.parseInt(value, 10) * replicas) / 100);
        const surge = of(rollingUpdate.maxSurge, Math.ceil);
        const missing = of(rollingUpdate.maxUnavailable, Math.floor);
        const unavailable = surge + missing === 0 ? 1 : missing;
        await setImage(cluster, 'pause:2');
        for (let step = 0; step < 200; step += 1) {
          const active = cluster.list('pods').filter((pod) => pod.metadata.deletionTimestamp === undefined);
          const running = active.filter((pod) => stringAt(pod, 'status', 'phase') === 'Running');
          expect(active.length).toBeLessThanOrEqual(replicas + surge);
          expect(running.length).toBeGreaterThanOrEqual(replicas - unavailable);
          const todo = cluster.list('pods').filter((pod) => !running.includes(pod));
          const next = todo[(order.next().value ?? 0) % Math.max(1, todo.length)];
          if (next === undefined) break;
          if (next.metadata.deletionTimestamp === undefined) cluster.setPod(next.metadata.name, 'Running');
          else cluster.store.delete('pods', next.metadata, { gracePeriodSeconds: 0 });
          await cluster.settle();
        }
        expect(sizes(cluster)).toEqual({ 1: 0, 2: replicas });
      }),
      { numRuns: 20 },
    );
  });
});

describe('all at once (Recreate)', () => {
  test('starts nothing new while an old pod is there', async () => {
    await using cluster = await started({ strategy: { type: 'Recreate' }, replicas: 2 });
    await setImage(cluster, 'pause:2');
    expect(sizes(cluster)).toEqual({ 1: 0 });
    const [a, b] = cluster.list('pods');
    cluster.store.delete('pods', a?.metadata ?? { name: '' }, { gracePeriodSeconds: 0 });
    await cluster.settle();
    expect(sizes(cluster)).toEqual({ 1: 0 });
    cluster.store.delete('pods', b?.metadata ?? { name: '' }, { gracePeriodSeconds: 0 });
    await cluster.settle();
    expect(sizes(cluster)).toEqual({ 1: 0, 2: 2 });
  });
});

describe('scaling', () => {
  test('changes the only set', async () => {
    await using cluster = await started();
    await cluster.patch('deployments', 'web', { spec: { replicas: 7 } });
    expect(sizes(cluster)).toEqual({ 1: 7 });
    await cluster.patch('deployments', 'web', { spec: { replicas: 0 } });
    await cluster.runPods();
    expect(sizes(cluster)).toEqual({ 1: 0 });
    expect(cluster.names('pods')).toEqual([]);
    expect(deployment(cluster)['status']).toMatchObject({ observedGeneration: 3 });
  });

  test('in the middle of a rollout grows all sets by their share', async () => {
    await using cluster = await started({
      replicas: 10,
      strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } },
    });
    await setImage(cluster, 'broken');
    expect(sizes(cluster)).toEqual({ 1: 8, 2: 5 });
    // The example of the Kubernetes documentation.
    await cluster.patch('deployments', 'web', { spec: { replicas: 15 } });
    expect(sizes(cluster)).toEqual({ 1: 11, 2: 7 });
  });
});

describe('a pause', () => {
  test('lets a new template wait, and a new size not', async () => {
    await using cluster = await started();
    await cluster.patch('deployments', 'web', { spec: { paused: true } });
    await setImage(cluster, 'pause:2');
    expect(sizes(cluster)).toEqual({ 1: 4 });
    expect(condition(cluster, 'Progressing')).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' });
    await cluster.patch('deployments', 'web', { spec: { replicas: 5 } });
    expect(sizes(cluster)).toEqual({ 1: 5 });
    await cluster.patch('deployments', 'web', { spec: { paused: false } });
    await cluster.runPods();
    expect(sizes(cluster)).toEqual({ 1: 0, 2: 5 });
  });
});
