import { describe, expect, test } from 'vitest';
import { type JsonObject, type KubeObject, numberAt, stringAt } from '../../apiserver/index.ts';
import { NAMESPACE, TestCluster, workloadSpec } from '../testkit.ts';

const set = (cluster: TestCluster): KubeObject => cluster.get('statefulsets', 'db');
const spec = (more: JsonObject = {}): JsonObject => workloadSpec('db', { replicas: 3, serviceName: 'db', ...more });
const setImage = (cluster: TestCluster, image: string): Promise<void> =>
  cluster.patch('statefulsets', 'db', { spec: { template: { spec: { containers: [{ name: 'c', image }] } } } });
const images = (cluster: TestCluster): (string | undefined)[] =>
  cluster.list('pods').map((pod) => stringAt(pod, 'spec', 'containers', 0, 'image'));

async function started(more: JsonObject = {}): Promise<TestCluster> {
  const cluster = new TestCluster();
  await cluster.create('statefulsets', 'db', spec(more));
  await cluster.runPods();
  return cluster;
}

/** Ends what is to end, and starts what waits, once. */
async function oneMore(cluster: TestCluster): Promise<void> {
  for (const { metadata } of cluster.list('pods')) {
    if (metadata.deletionTimestamp !== undefined) cluster.store.delete('pods', metadata, { gracePeriodSeconds: 0 });
  }
  await cluster.settle();
  for (const pod of cluster.list('pods')) {
    if (stringAt(pod, 'status', 'phase') === 'Pending') cluster.setPod(pod.metadata.name, 'Running');
  }
  await cluster.settle();
}

describe('a stateful set', () => {
  test('starts its pods in order, each when the one before it serves', async () => {
    await using cluster = new TestCluster();
    await cluster.create('statefulsets', 'db', spec());
    expect(cluster.names('pods')).toEqual(['db-0']);
    cluster.setPod('db-0', 'Running', { ready: false });
    await cluster.settle();
    expect(cluster.names('pods')).toEqual(['db-0']);
    cluster.setPod('db-0', 'Running');
    await cluster.settle();
    expect(cluster.names('pods')).toEqual(['db-0', 'db-1']);
    await cluster.runPods();
    expect(cluster.names('pods')).toEqual(['db-0', 'db-1', 'db-2']);
    const revision = stringAt(set(cluster), 'status', 'updateRevision');
    expect(revision).toMatch(/^db-[a-z0-9]+$/);
    expect(cluster.get('pods', 'db-1')).toMatchObject({
      metadata: {
        labels: {
          app: 'db',
          'statefulset.kubernetes.io/pod-name': 'db-1',
          'apps.kubernetes.io/pod-index': '1',
          'controller-revision-hash': revision,
        },
      },
      spec: { hostname: 'db-1', subdomain: 'db' },
    });
    expect(set(cluster)['status']).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
      currentRevision: revision,
    });
    expect(cluster.events('db')[0]).toBe('Normal SuccessfulCreate: create Pod db-0 in StatefulSet db successful');
  });

  test('ends them in the other order, one by one', async () => {
    await using cluster = await started();
    await cluster.patch('statefulsets', 'db', { spec: { replicas: 0 } });
    const doomed = () => cluster.list('pods').filter((pod) => pod.metadata.deletionTimestamp !== undefined);
    for (const name of ['db-2', 'db-1', 'db-0']) {
      expect(doomed().map(({ metadata }) => metadata.name)).toEqual([name]);
      await cluster.delete('pods', name, { gracePeriodSeconds: 0 });
    }
    expect(cluster.names('pods')).toEqual([]);
  });

  test('gives a pod that is gone or has failed back its name', async () => {
    await using cluster = await started();
    const { uid } = cluster.get('pods', 'db-1').metadata;
    cluster.setPod('db-1', 'Failed');
    await cluster.runPods();
    expect(cluster.names('pods')).toEqual(['db-0', 'db-1', 'db-2']);
    expect(cluster.get('pods', 'db-1').metadata.uid).not.toBe(uid);
  });

  test('does all at once where order does not matter, and counts from where it is told', async () => {
    await using cluster = new TestCluster();
    await cluster.create('statefulsets', 'db', spec({ podManagementPolicy: 'Parallel', ordinals: { start: 5 } }));
    expect(cluster.names('pods')).toEqual(['db-5', 'db-6', 'db-7']);
  });

  test('updates from the last to the first', async () => {
    await using cluster = await started();
    await setImage(cluster, 'two');
    expect(images(cluster)).toEqual(['pause:1', 'pause:1', 'pause:1']);
    await oneMore(cluster);
    expect(images(cluster)).toEqual(['pause:1', 'pause:1', 'two']);
    expect(set(cluster)['status']).toMatchObject({ updatedReplicas: 1 });
    await oneMore(cluster);
    expect(images(cluster)).toEqual(['pause:1', 'two', 'two']);
    await oneMore(cluster);
    expect(images(cluster)).toEqual(['two', 'two', 'two']);
    const { status } = set(cluster) as { status?: JsonObject };
    expect(status?.['currentRevision']).toBe(status?.['updateRevision']);
    const numbers = cluster.list('controllerrevisions').map((revision) => numberAt(revision, 'revision') ?? 0);
    expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  test('leaves pods below the partition at the revision that they have', async () => {
    await using cluster = await started({ updateStrategy: { rollingUpdate: { partition: 2 } } });
    await setImage(cluster, 'two');
    await cluster.runPods();
    expect(images(cluster)).toEqual(['pause:1', 'pause:1', 'two']);
    await cluster.delete('pods', 'db-0', { gracePeriodSeconds: 0 });
    await cluster.runPods();
    expect(images(cluster)).toEqual(['pause:1', 'pause:1', 'two']);
  });

  test('waits for its user to delete pods where it is told to', async () => {
    await using cluster = await started({ updateStrategy: { type: 'OnDelete' } });
    await setImage(cluster, 'two');
    await cluster.runPods();
    expect(images(cluster)).toEqual(['pause:1', 'pause:1', 'pause:1']);
    await cluster.delete('pods', 'db-1', { gracePeriodSeconds: 0 });
    await cluster.runPods();
    expect(images(cluster)).toEqual(['pause:1', 'two', 'pause:1']);
  });

  test.each<[JsonObject, string]>([
    [
      { volumeClaimTemplates: [{ metadata: { name: 'data' } }] },
      'spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required',
    ],
    [{ podManagementPolicy: 'Any' }, 'spec.podManagementPolicy: Unsupported value: "Any"'],
    [{ selector: {} }, 'empty selector is invalid for statefulset'],
  ])('is refused with %j', async (more, message) => {
    await using cluster = new TestCluster();
    const object = { metadata: { name: 'db', namespace: NAMESPACE }, spec: spec(more) };
    expect(() => cluster.store.create('statefulsets', object)).toThrow(message);
  });

  test('keeps what the names of its pods rest on', async () => {
    await using cluster = await started();
    await expect(cluster.patch('statefulsets', 'db', { spec: { serviceName: 'other' } })).rejects.toThrow(
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template'",
    );
  });
});
