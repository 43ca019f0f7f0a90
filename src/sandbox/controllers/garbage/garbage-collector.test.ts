import { describe, expect, test } from 'vitest';
import { NAMESPACE, TestCluster, workloadSpec } from '../testkit.ts';

const owned = (name: string, uid: string | undefined, more: object = {}) => ({
  ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid: uid ?? '', ...more }],
});

async function deployed(cluster: TestCluster): Promise<void> {
  await cluster.create('deployments', 'web', workloadSpec('web', { replicas: 2 }));
  await cluster.runPods();
}

describe('a deletion', () => {
  test('in the background goes at once, and its dependents follow', async () => {
    await using cluster = new TestCluster();
    await deployed(cluster);
    cluster.store.delete('deployments', { namespace: NAMESPACE, name: 'web' });
    expect(cluster.names('deployments')).toEqual([]);
    await cluster.settle();
    expect(cluster.names('replicasets')).toEqual([]);
    expect(cluster.list('pods').every((pod) => pod.metadata.deletionTimestamp !== undefined)).toBe(true);
    await cluster.runPods();
    expect(cluster.names('pods')).toEqual([]);
  });

  test('in the foreground waits for its dependents, and theirs', async () => {
    await using cluster = new TestCluster();
    await deployed(cluster);
    await cluster.delete('deployments', 'web', { propagationPolicy: 'Foreground' });
    expect(cluster.get('deployments', 'web').metadata.finalizers).toEqual(['foregroundDeletion']);
    expect(cluster.list('replicasets')).toMatchObject([{ metadata: { finalizers: ['foregroundDeletion'] } }]);
    expect(cluster.list('pods')).toHaveLength(2);
    await cluster.runPods();
    for (const resource of ['pods', 'replicasets', 'deployments']) expect(cluster.names(resource)).toEqual([]);
  });

  test('may leave dependents behind, whom a successor adopts', async () => {
    await using cluster = new TestCluster();
    await deployed(cluster);
    await cluster.delete('deployments', 'web', { propagationPolicy: 'Orphan' });
    expect(cluster.names('deployments')).toEqual([]);
    expect(cluster.list('replicasets').map(({ metadata }) => metadata.ownerReferences)).toEqual([undefined]);
    expect(cluster.list('pods')).toHaveLength(2);
    const before = cluster.names('pods');
    await deployed(cluster);
    expect(cluster.names('pods')).toEqual(before);
    expect(cluster.list('replicasets')).toMatchObject([{ metadata: { ownerReferences: [{ name: 'web' }] } }]);
  });
});

describe('an object with owners', () => {
  const make = (cluster: TestCluster, name: string, metadata: object = {}) =>
    cluster.store.create('configmaps', { metadata: { name, namespace: NAMESPACE, ...metadata } });

  test('goes when the last of them has gone', async () => {
    await using cluster = new TestCluster();
    const [a, b] = [make(cluster, 'a'), make(cluster, 'b')];
    const references = [a, b].flatMap(({ metadata }) => owned(metadata.name, metadata.uid).ownerReferences);
    make(cluster, 'child', { ownerReferences: references });
    await cluster.delete('configmaps', 'a');
    expect(cluster.get('configmaps', 'child').metadata.ownerReferences).toMatchObject([{ name: 'b' }]);
    await cluster.delete('configmaps', 'b');
    expect(cluster.names('configmaps')).not.toContain('child');
  });

  test('goes when its owner was never there, or is another of the same name', async () => {
    await using cluster = new TestCluster();
    make(cluster, 'a');
    make(cluster, 'child', owned('a', 'another-uid'));
    make(cluster, 'lost', owned('nobody', 'some-uid'));
    await cluster.settle();
    expect(cluster.names('configmaps')).toEqual(['a']);
  });

  test('stays when its owner is of a kind that nobody here knows', async () => {
    await using cluster = new TestCluster();
    const reference = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'u' };
    make(cluster, 'child', { ownerReferences: [reference] });
    await cluster.settle();
    expect(cluster.names('configmaps')).toEqual(['child']);
  });

  test('holds a foreground deletion up only where it says so', async () => {
    await using cluster = new TestCluster();
    const { metadata } = make(cluster, 'a');
    make(cluster, 'free', { ...owned('a', metadata.uid), finalizers: ['example.com/mine'] });
    await cluster.delete('configmaps', 'a', { propagationPolicy: 'Foreground' });
    expect(cluster.names('configmaps')).toEqual(['free']);
    const second = make(cluster, 'b');
    const held = owned('b', second.metadata.uid, { blockOwnerDeletion: true });
    make(cluster, 'held', { ...held, finalizers: ['example.com/mine'] });
    await cluster.delete('configmaps', 'b', { propagationPolicy: 'Foreground' });
    expect(cluster.names('configmaps')).toContain('b');
    await cluster.patch('configmaps', 'held', { metadata: { finalizers: null } });
    expect(cluster.names('configmaps')).toEqual(['free']);
  });
});
