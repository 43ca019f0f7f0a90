import { describe, expect, test } from 'vitest';
import { type JsonObject, type KubeObject, stringAt } from '../../apiserver/index.ts';
import { isActive } from '../kit/pods.ts';
import { TestCluster, workloadSpec } from '../testkit.ts';

const set = (cluster: TestCluster): KubeObject => cluster.get('daemonsets', 'agent');

async function withNodes(labels: Record<string, JsonObject>): Promise<TestCluster> {
  const cluster = new TestCluster();
  for (const [name, node] of Object.entries(labels)) await addNode(cluster, name, node);
  return cluster;
}

async function addNode(cluster: TestCluster, name: string, { labels = {}, ...spec }: JsonObject = {}): Promise<void> {
  cluster.store.create('nodes', { metadata: { name, labels }, spec });
  await cluster.settle();
}

const target = (pod: KubeObject): string =>
  stringAt(
    pod,
    'spec',
    'affinity',
    'nodeAffinity',
    'requiredDuringSchedulingIgnoredDuringExecution',
    'nodeSelectorTerms',
    0,
    'matchFields',
    0,
    'values',
    0,
  ) ?? '';
const nodes = (cluster: TestCluster): string[] => cluster.list('pods').filter(isActive).map(target).toSorted();

/** Starts all that wait on the node that they are meant for. */
async function run(cluster: TestCluster): Promise<void> {
  for (const pod of cluster.list('pods')) {
    if (pod.metadata.deletionTimestamp !== undefined)
      cluster.store.delete('pods', pod.metadata, { gracePeriodSeconds: 0 });
    else if (stringAt(pod, 'status', 'phase') === 'Pending')
      cluster.setPod(pod.metadata.name, 'Running', { node: target(pod) });
  }
  await cluster.settle();
}

describe('a daemon set', () => {
  test('has a pod on each node that is meant, also on one that comes later', async () => {
    await using cluster = await withNodes({
      a: {},
      b: { unschedulable: true },
      tainted: { taints: [{ key: 'only', value: 'db', effect: 'NoSchedule' }] },
    });
    await cluster.create('daemonsets', 'agent', workloadSpec('agent'));
    expect(nodes(cluster)).toEqual(['a', 'b']);
    await addNode(cluster, 'c');
    expect(nodes(cluster)).toEqual(['a', 'b', 'c']);
    await run(cluster);
    expect(set(cluster)['status']).toMatchObject({
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      numberReady: 3,
      numberAvailable: 3,
      updatedNumberScheduled: 3,
      numberMisscheduled: 0,
    });
  });

  test('follows what the template says of nodes', async () => {
    await using cluster = await withNodes({ a: { labels: { disk: 'fast' } }, b: { labels: { disk: 'slow' } } });
    await cluster.create('daemonsets', 'agent', workloadSpec('agent', {}, { nodeSelector: { disk: 'fast' } }));
    expect(nodes(cluster)).toEqual(['a']);
    await run(cluster);
    cluster.store.patch('nodes', { name: 'a' }, { type: 'merge', body: { metadata: { labels: { disk: 'slow' } } } });
    await cluster.settle();
    expect(nodes(cluster)).toEqual([]);
  });

  test('replaces a pod that has failed, and one that somebody deletes once it is gone', async () => {
    await using cluster = await withNodes({ a: {} });
    await cluster.create('daemonsets', 'agent', workloadSpec('agent'));
    await run(cluster);
    const [first = ''] = cluster.names('pods');
    cluster.setPod(first, 'Failed');
    await cluster.settle();
    const [second = ''] = cluster.names('pods');
    expect(second).not.toBe(first);
    await run(cluster);
    await cluster.delete('pods', second);
    expect(nodes(cluster)).toEqual([]);
    await run(cluster);
    expect(nodes(cluster)).toEqual(['a']);
    expect(cluster.events('agent').some((event) => event.startsWith('Warning FailedDaemonPod'))).toBe(true);
  });

  test('renews its pods node by node', async () => {
    await using cluster = await withNodes({ a: {}, b: {}, c: {} });
    await cluster.create('daemonsets', 'agent', workloadSpec('agent'));
    await run(cluster);
    const template = { spec: { containers: [{ name: 'c', image: 'two' }] } };
    await cluster.patch('daemonsets', 'agent', { spec: { template } });
    const updated = (): unknown => set(cluster)['status'];
    expect(updated()).toMatchObject({ numberReady: 2 });
    for (let step = 0; step < 8; step += 1) {
      expect(nodes(cluster).length).toBeGreaterThanOrEqual(2);
      await run(cluster);
    }
    expect(updated()).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 });
    expect(cluster.list('controllerrevisions')).toHaveLength(2);
  });
});
