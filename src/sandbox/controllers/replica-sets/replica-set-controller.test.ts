import { describe, expect, test } from 'vitest';
import { NAMESPACE, TestCluster, workloadSpec } from '../testkit.ts';

const statusOf = (cluster: TestCluster) => cluster.get('replicasets', 'web')['status'];

describe('a replica set', () => {
  test('has as many pods as it says, whatever becomes of them', async () => {
    await using cluster = new TestCluster();
    await cluster.create('replicasets', 'web', workloadSpec('web', { replicas: 3 }));
    const [first = ''] = cluster.names('pods', 'app=web');
    expect(cluster.list('pods')).toHaveLength(3);
    expect(cluster.get('pods', first).metadata).toMatchObject({
      generateName: 'web-',
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', controller: true }],
    });
    await cluster.delete('pods', first);
    expect(cluster.list('pods')).toHaveLength(3);
    const [second = ''] = cluster.names('pods');
    cluster.setPod(second, 'Failed');
    await cluster.settle();
    expect(cluster.list('pods')).toHaveLength(4);
    await cluster.patch('replicasets', 'web', { spec: { replicas: 1 } });
    await cluster.runPods();
    expect(cluster.names('pods')).toHaveLength(2);
    expect(cluster.events('web')).toContain(`Normal SuccessfulCreate: Created pod: ${first}`);
    expect(cluster.events('web').some((event) => event.startsWith('Normal SuccessfulDelete: Deleted pod: web-'))).toBe(
      true,
    );
  });

  test('tells what its pods are', async () => {
    await using cluster = new TestCluster();
    await cluster.create('replicasets', 'web', workloadSpec('web', { replicas: 2, minReadySeconds: 10 }));
    expect(statusOf(cluster)).toEqual({ replicas: 2, fullyLabeledReplicas: 2, observedGeneration: 1 });
    await cluster.runPods();
    expect(statusOf(cluster)).toMatchObject({ readyReplicas: 2 });
    expect(statusOf(cluster)).not.toHaveProperty('availableReplicas');
    await cluster.advance(9);
    expect(statusOf(cluster)).not.toHaveProperty('availableReplicas');
    await cluster.advance(1);
    expect(statusOf(cluster)).toMatchObject({ availableReplicas: 2 });
  });

  test('adopts what matches and nobody keeps, and lets go what does not match any more', async () => {
    await using cluster = new TestCluster();
    const pod = { containers: [{ name: 'c', image: 'pause' }] };
    await cluster.create('pods', 'stray', pod, { labels: { app: 'web' } });
    await cluster.create('replicasets', 'web', workloadSpec('web', { replicas: 2 }));
    expect(cluster.list('pods', 'app=web')).toHaveLength(2);
    expect(cluster.get('pods', 'stray').metadata.ownerReferences).toMatchObject([{ name: 'web' }]);
    await cluster.patch('pods', 'stray', { metadata: { labels: { app: 'other' } } });
    expect(cluster.get('pods', 'stray').metadata.ownerReferences).toBeUndefined();
    expect(cluster.list('pods', 'app=web')).toHaveLength(2);
  });

  test('leaves alone what another one keeps', async () => {
    await using cluster = new TestCluster();
    await cluster.create('replicasets', 'a', workloadSpec('web', { replicas: 2 }));
    await cluster.create('replicasets', 'b', workloadSpec('web', { replicas: 1 }));
    expect(cluster.list('pods')).toHaveLength(3);
    await cluster.patch('replicasets', 'a', { spec: { replicas: 0 } });
    expect(cluster.list('pods')).toMatchObject([{ metadata: { ownerReferences: [{ name: 'b' }] } }]);
  });

  test('says when its pods are refused, and goes on when they are not any more', async () => {
    await using cluster = new TestCluster();
    const broken = { volumes: [{ name: 'v' }], hostNetwork: true };
    // What the template may have and a pod may not: the port of its host twice.
    const containers = [
      { name: 'c', image: 'i', ports: [{ containerPort: 80 }, { containerPort: 80, name: 'again' }] },
    ];
    await cluster.create('replicasets', 'web', workloadSpec('web', {}, { ...broken, containers }));
    expect(cluster.list('pods')).toEqual([]);
    expect(cluster.events('web')[0]).toMatch(/^Warning FailedCreate: Error creating: Pod "web-.* is invalid/);
    expect(statusOf(cluster)).toMatchObject({
      replicas: 0,
      conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }],
    });
    const template = workloadSpec('web')['template'] ?? {};
    cluster.store.patch(
      'replicasets',
      { namespace: NAMESPACE, name: 'web' },
      { type: 'merge', body: { spec: { template } } },
    );
    await cluster.settle();
    expect(cluster.list('pods')).toHaveLength(1);
    expect(statusOf(cluster)).not.toHaveProperty('conditions');
  });
});

test('a replication controller does the same, by a plain selector that it may take from its template', async () => {
  await using cluster = new TestCluster();
  const { template } = workloadSpec('web');
  await cluster.create('replicationcontrollers', 'web', { replicas: 2, ...(template && { template }) });
  expect(cluster.get('replicationcontrollers', 'web')).toMatchObject({
    spec: { selector: { app: 'web' } },
    status: { replicas: 2 },
  });
  expect(cluster.list('pods', 'app=web')).toHaveLength(2);
  await cluster.delete('replicationcontrollers', 'web');
  expect(cluster.list('pods', 'app=web').map(({ metadata }) => metadata.ownerReferences)).toEqual([
    undefined,
    undefined,
  ]);
});
