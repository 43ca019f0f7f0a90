import { describe, expect, test } from 'vitest';
import { type JsonObject, objectAt, stringAt } from '../../apiserver/index.ts';
import { TestCluster, workloadSpec } from '../testkit.ts';

const claimSpec = (more: JsonObject = {}): JsonObject => ({
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
  ...more,
});

function makeClass(cluster: TestCluster, name = 'standard', more: JsonObject = {}): void {
  const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
  cluster.store.create('storageclasses', {
    metadata: { name, annotations },
    provisioner: 'local.sandbox.membrane.io',
    ...more,
  });
}

const volumes = (cluster: TestCluster) => cluster.store.list('persistentvolumes').items;
const phase = (cluster: TestCluster, name: string) =>
  stringAt(cluster.get('persistentvolumeclaims', name), 'status', 'phase');

function makeVolume(cluster: TestCluster, name: string, storage: string, more: JsonObject = {}): void {
  cluster.store.create('persistentvolumes', {
    metadata: { name },
    spec: { capacity: { storage }, accessModes: ['ReadWriteOnce', 'ReadOnlyMany'], hostPath: { path: '/d' }, ...more },
  });
}

describe('a claim', () => {
  test('gets a volume by the usual class, which goes with it, and stays while a pod has it', async () => {
    await using cluster = new TestCluster();
    await cluster.create('persistentvolumeclaims', 'data', claimSpec());
    expect(phase(cluster, 'data')).toBe('Pending');
    makeClass(cluster);
    await cluster.settle();
    const { uid = '' } = cluster.get('persistentvolumeclaims', 'data').metadata;
    expect(cluster.get('persistentvolumeclaims', 'data')).toMatchObject({
      spec: { storageClassName: 'standard', volumeName: `pvc-${uid}` },
      status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
    });
    expect(volumes(cluster)).toMatchObject([{ spec: { claimRef: { name: 'data', uid } }, status: { phase: 'Bound' } }]);
    const pod = {
      containers: [{ name: 'c', image: 'i' }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
    };
    await cluster.create('pods', 'user', pod);
    await cluster.delete('persistentvolumeclaims', 'data');
    expect(cluster.get('persistentvolumeclaims', 'data').metadata).toHaveProperty('deletionTimestamp');
    await cluster.delete('pods', 'user', { gracePeriodSeconds: 0 });
    expect([cluster.names('persistentvolumeclaims'), volumes(cluster)]).toEqual([[], []]);
  });

  test('takes the smallest volume that is enough, which keeps what is on it', async () => {
    await using cluster = new TestCluster();
    makeVolume(cluster, 'large', '10Gi');
    makeVolume(cluster, 'small', '512Mi');
    makeVolume(cluster, 'enough', '2048Mi');
    makeVolume(cluster, 'of-others', '1Gi', { claimRef: { namespace: 'other', name: 'data' } });
    makeVolume(cluster, 'of-a-class', '1Gi', { storageClassName: 'fast' });
    await cluster.create('persistentvolumeclaims', 'data', claimSpec({ storageClassName: '' }));
    expect(stringAt(cluster.get('persistentvolumeclaims', 'data'), 'spec', 'volumeName')).toBe('enough');
    await cluster.delete('persistentvolumeclaims', 'data');
    expect(volumes(cluster)).toHaveLength(5);
    expect(stringAt(cluster.store.get('persistentvolumes', { name: 'enough' }), 'status', 'phase')).toBe('Released');
    await cluster.create('persistentvolumeclaims', 'data', claimSpec({ storageClassName: '' }));
    expect(stringAt(cluster.get('persistentvolumeclaims', 'data'), 'spec', 'volumeName')).toBe('large');
  });

  test('takes the volume that it names, and one that is kept for it', async () => {
    await using cluster = new TestCluster();
    makeVolume(cluster, 'first', '5Gi');
    makeVolume(cluster, 'second', '5Gi', { claimRef: { namespace: 'default', name: 'kept' } });
    await cluster.create('persistentvolumeclaims', 'kept', claimSpec({ storageClassName: '' }));
    await cluster.create('persistentvolumeclaims', 'named', claimSpec({ volumeName: 'first', storageClassName: '' }));
    const of = (name: string) => objectAt(cluster.store.get('persistentvolumes', { name }), 'spec', 'claimRef');
    expect([of('first'), of('second')]).toMatchObject([{ name: 'named' }, { name: 'kept' }]);
    expect([phase(cluster, 'kept'), phase(cluster, 'named')]).toEqual(['Bound', 'Bound']);
  });

  test.each<[string, JsonObject, string]>([
    ['a class that is not there', { storageClassName: 'fast' }, 'storageclass.storage.k8s.io "fast" not found'],
    ['a block device', { storageClassName: 'standard', volumeMode: 'Block' }, 'the sandbox makes no block devices'],
    ['a class that makes none', { storageClassName: 'by-hand' }, 'its class makes none'],
    ['no class at all', { storageClassName: '' }, 'no persistent volumes available for this claim'],
  ])('says why it waits: %s', async (_, more, message) => {
    await using cluster = new TestCluster();
    makeClass(cluster);
    makeClass(cluster, 'by-hand', { provisioner: 'kubernetes.io/no-provisioner' });
    await cluster.create('persistentvolumeclaims', 'data', claimSpec(more));
    expect(phase(cluster, 'data')).toBe('Pending');
    expect(cluster.events('data').at(-1)).toContain(message);
  });
});

describe('the claims of a stateful set', () => {
  const set = (more: JsonObject = {}): JsonObject =>
    workloadSpec('db', {
      replicas: 2,
      serviceName: 'db',
      template: {
        metadata: { labels: { app: 'db' } },
        spec: { containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
      },
      volumeClaimTemplates: [{ metadata: { name: 'data', labels: { tier: 'disk' } }, spec: claimSpec() }],
      ...more,
    });

  test('are made for each pod, and stay when it goes', async () => {
    await using cluster = new TestCluster();
    makeClass(cluster);
    await cluster.create('statefulsets', 'db', set());
    await cluster.runPods();
    expect(cluster.names('persistentvolumeclaims', 'app=db,tier=disk')).toEqual(['data-db-0', 'data-db-1']);
    expect(objectAt(cluster.get('pods', 'db-1'), 'spec')?.['volumes']).toContainEqual({
      name: 'data',
      persistentVolumeClaim: { claimName: 'data-db-1' },
    });
    await cluster.patch('statefulsets', 'db', { spec: { replicas: 0 } });
    await cluster.runPods();
    await cluster.delete('statefulsets', 'db');
    expect(cluster.names('persistentvolumeclaims')).toEqual(['data-db-0', 'data-db-1']);
  });

  test('go where the set says so', async () => {
    await using cluster = new TestCluster();
    makeClass(cluster);
    const persistentVolumeClaimRetentionPolicy = { whenScaled: 'Delete', whenDeleted: 'Delete' };
    await cluster.create('statefulsets', 'db', set({ persistentVolumeClaimRetentionPolicy }));
    await cluster.runPods();
    await cluster.patch('statefulsets', 'db', { spec: { replicas: 1 } });
    await cluster.runPods();
    expect(cluster.names('persistentvolumeclaims')).toEqual(['data-db-0']);
    await cluster.delete('statefulsets', 'db', { propagationPolicy: 'Background' });
    await cluster.runPods();
    expect([cluster.names('persistentvolumeclaims'), volumes(cluster)]).toEqual([[], []]);
  });
});
