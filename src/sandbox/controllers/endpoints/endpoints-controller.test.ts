import { describe, expect, test } from 'vitest';
import { type JsonObject, type KubeObject, listAt, stringAt } from '../../apiserver/index.ts';
import { NAMESPACE, TestCluster } from '../testkit.ts';

const containers = [{ name: 'c', image: 'i', ports: [{ name: 'http', containerPort: 8080 }] }];

async function addPod(cluster: TestCluster, name: string, ip: string, ready = true): Promise<void> {
  await cluster.create('pods', name, { containers }, { labels: { app: 'web' } });
  cluster.setPod(name, 'Running', { ready, podIP: ip, podIPs: [{ ip }] });
  await cluster.settle();
}

const subsets = (cluster: TestCluster, name = 'web') => listAt(cluster.get('endpoints', name), 'subsets');

describe('Endpoints of a service with a selector', () => {
  const ports = [
    { name: 'http', port: 80, targetPort: 'http' },
    { name: 'plain', port: 81, targetPort: 9090 },
  ];

  test('say who serves, at which ports, and who does not yet', async () => {
    await using cluster = new TestCluster();
    await cluster.create('services', 'web', { selector: { app: 'web' }, ports }, { labels: { team: 'a' } });
    await addPod(cluster, 'b', '10.244.1.8');
    await addPod(cluster, 'a', '10.244.1.7');
    await addPod(cluster, 'c', '10.244.1.9', false);
    expect(cluster.get('endpoints', 'web').metadata.labels).toEqual({
      team: 'a',
      'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    });
    expect(subsets(cluster)).toMatchObject([
      {
        addresses: [
          { ip: '10.244.1.7', nodeName: 'node-1', targetRef: { kind: 'Pod', name: 'a' } },
          { ip: '10.244.1.8', targetRef: { name: 'b' } },
        ],
        notReadyAddresses: [{ ip: '10.244.1.9' }],
        ports: [
          { name: 'http', port: 8080, protocol: 'TCP' },
          { name: 'plain', port: 9090 },
        ],
      },
    ]);
    await cluster.delete('pods', 'a');
    expect(subsets(cluster)).toMatchObject([{ addresses: [{ ip: '10.244.1.8' }] }]);
    await cluster.delete('services', 'web');
    expect(cluster.names('endpoints')).toEqual([]);
  });

  test('are there without pods, and are put right when somebody changes them', async () => {
    await using cluster = new TestCluster();
    await cluster.create('services', 'web', { selector: { app: 'web' }, ports });
    expect(subsets(cluster)).toEqual([]);
    await addPod(cluster, 'a', '10.244.1.7');
    await cluster.patch('endpoints', 'web', { subsets: null });
    expect(subsets(cluster)).toMatchObject([{ addresses: [{ ip: '10.244.1.7' }] }]);
  });

  test('of a headless service without ports are addresses alone', async () => {
    await using cluster = new TestCluster();
    const spec = { selector: { app: 'web' }, clusterIP: 'None', publishNotReadyAddresses: true };
    await cluster.create('services', 'web', spec);
    await addPod(cluster, 'a', '10.244.1.7', false);
    expect(subsets(cluster)).toEqual([{ addresses: [expect.objectContaining({ ip: '10.244.1.7' })] }]);
    expect(cluster.get('endpoints', 'web').metadata.labels).toHaveProperty('service.kubernetes.io/headless', '');
  });
});

describe('Endpoints of a service without a selector', () => {
  const write = (cluster: TestCluster, content: JsonObject, metadata: JsonObject = {}): Promise<void> => {
    cluster.store.create('endpoints', { metadata: { name: 'db', namespace: NAMESPACE, ...metadata }, ...content });
    return cluster.settle();
  };
  const slices = (cluster: TestCluster) => cluster.list('endpointslices', 'kubernetes.io/service-name=db');
  const addressType = (slice: KubeObject): string => stringAt(slice, 'addressType') ?? '';
  const one = { subsets: [{ addresses: [{ ip: '203.0.113.7' }], ports: [{ port: 5432 }] }] };

  test('are mirrored to slices, and followed', async () => {
    await using cluster = new TestCluster();
    await cluster.create('services', 'db', { ports: [{ port: 5432 }] });
    await write(cluster, {
      subsets: [
        {
          addresses: [{ ip: '203.0.113.7' }, { ip: '2001:db8::7' }],
          notReadyAddresses: [{ ip: '203.0.113.8' }],
          ports: [{ port: 5432, name: 'sql' }],
        },
      ],
    });
    expect(slices(cluster).toSorted((a, b) => (addressType(a) < addressType(b) ? -1 : 1))).toMatchObject([
      {
        metadata: {
          labels: { 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' },
          ownerReferences: [{ apiVersion: 'v1', kind: 'Endpoints', name: 'db', controller: true }],
        },
        addressType: 'IPv4',
        endpoints: [
          { addresses: ['203.0.113.7'], conditions: { ready: true } },
          { addresses: ['203.0.113.8'], conditions: { ready: false } },
        ],
        ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
      },
      { addressType: 'IPv6', endpoints: [{ addresses: ['2001:db8::7'] }] },
    ]);
    await cluster.patch('endpoints', 'db', one);
    expect(slices(cluster)).toMatchObject([{ endpoints: [{ addresses: ['203.0.113.7'] }], ports: [{ name: '' }] }]);
    await cluster.delete('endpointslices', slices(cluster)[0]?.metadata.name ?? '');
    expect(slices(cluster)).toHaveLength(1);
    await cluster.delete('endpoints', 'db');
    expect(slices(cluster)).toEqual([]);
  });

  test.each<[string, JsonObject, string]>([
    ['nobody', { ports: [{ port: 1 }] }, 'subsets[0]: Required value: must specify `addresses`'],
    ['no address', { addresses: [{ ip: 'db' }] }, 'subsets[0].addresses[0].ip: Invalid value: "db"'],
    ['the node itself', { notReadyAddresses: [{ ip: '127.0.0.1' }] }, 'may not be in the loopback range'],
  ])('are refused when they name %s', async (_, subset, message) => {
    await using cluster = new TestCluster();
    expect(() =>
      cluster.store.create('endpoints', { metadata: { name: 'db', namespace: NAMESPACE }, subsets: [subset] }),
    ).toThrow(message);
  });

  test.each<[string, JsonObject]>([
    ['asks not to be', { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }],
    ['is a lock', { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }],
  ])('are not mirrored when the object %s', async (_, metadata) => {
    await using cluster = new TestCluster();
    await cluster.create('services', 'db', { ports: [{ port: 5432 }] });
    await write(cluster, one, metadata);
    expect(slices(cluster)).toEqual([]);
  });

  test('are mirrored whichever of the two came first, until the service has a selector', async () => {
    await using cluster = new TestCluster();
    await write(cluster, one);
    expect(slices(cluster)).toEqual([]);
    await cluster.create('services', 'db', { ports: [{ port: 5432 }] });
    expect(slices(cluster)).toHaveLength(1);
    await cluster.patch('services', 'db', { spec: { selector: { app: 'db' } } });
    expect(slices(cluster)).toEqual([]);
  });
});
