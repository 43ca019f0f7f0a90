import { describe, expect, test } from 'vitest';
import { networkPolicy } from '../../policy/index.ts';
import { NAMESPACE } from './namespace.ts';
import { NODE } from './node.ts';
import { POD } from './pod.ts';
import { policyResource } from './policy.ts';
import { collectionPath, objectPath } from './resource.ts';

const NETWORK_POLICY = policyResource(networkPolicy);
const metadata = { namespace: 'a', name: 'x', uid: 'u', resourceVersion: '5', managedFields: [{ huge: true }] };

describe('pod', () => {
  test('a full one is trimmed to what we need', () => {
    const row = POD.parse({
      kind: 'Pod',
      metadata: { ...metadata, labels: { app: 'web' }, deletionTimestamp: '2026-01-01T00:00:00Z' },
      spec: {
        serviceAccountName: 'robot',
        nodeName: 'node-1',
        containers: [
          { name: 'c', image: 'i', ports: [{ name: 'http', containerPort: 8080 }, { containerPort: 9 }] },
          { name: 'd', ports: [{ name: 'dns', containerPort: 53, protocol: 'UDP' }] },
        ],
        initContainers: [
          { name: 'once', ports: [{ name: 'setup', containerPort: 1 }] },
          { name: 'sidecar', restartPolicy: 'Always', ports: [{ name: 'proxy', containerPort: 15_001 }] },
        ],
      },
      status: {
        phase: 'Running',
        hostIP: '172.18.0.2',
        podIP: '10.0.0.1',
        podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
      },
    });
    expect(row).toEqual({
      uid: 'u',
      hostPorts: [],
      createdAt: '',
      namespace: 'a',
      name: 'x',
      labels: { app: 'web' },
      serviceAccount: 'robot',
      nodeName: 'node-1',
      hostNetwork: false,
      privileged: false,
      netRaw: true,
      podIPs: ['10.0.0.1', 'fd00::1'],
      hostIP: '172.18.0.2',
      namedPorts: [
        { name: 'http', port: 8080, protocol: 'TCP' },
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'proxy', port: 15_001, protocol: 'TCP' },
      ],
      phase: 'Running',
      deletionTimestamp: '2026-01-01T00:00:00Z',
    });
  });

  test("a bare one has defaults, and Go's null is an empty list", () => {
    const bare = POD.parse({ metadata: { namespace: 'a', name: 'x', labels: null }, spec: { containers: null } });
    expect(bare).toMatchObject({ labels: {}, serviceAccount: 'default', nodeName: '', podIPs: [], namedPorts: [] });
  });

  const [drop, add] = [{ drop: ['ALL'] }, { add: ['CAP_NET_RAW'] }];
  test.each<[string, object[], boolean, boolean]>([
    ['nothing said', [{}], true, false],
    ['null, as Go encodes nothing', [{ securityContext: null }], true, false],
    ['all dropped', [{ securityContext: { capabilities: drop } }], false, false],
    ['that one dropped', [{ securityContext: { capabilities: { drop: ['net_raw'] } } }], false, false],
    ['another dropped', [{ securityContext: { capabilities: { drop: ['CHOWN'] } } }], true, false],
    ['all dropped, that one added', [{ securityContext: { capabilities: { ...drop, ...add } } }], true, false],
    [
      'all added, that one dropped',
      [{ securityContext: { capabilities: { add: ['ALL'], drop: ['NET_RAW'] } } }],
      false,
      false,
    ],
    ['one of two', [{ securityContext: { capabilities: drop } }, {}], true, false],
    ['privileged', [{ securityContext: { privileged: true, capabilities: drop } }], true, true],
  ])('raw packets and privilege: %s', (_, containers, netRaw, privileged) => {
    const harmless = { securityContext: { capabilities: drop } };
    for (const kind of ['containers', 'initContainers', 'ephemeralContainers']) {
      const spec = { containers: [harmless], [kind]: containers };
      expect(POD.parse({ metadata, spec }), kind).toMatchObject({ netRaw, privileged });
    }
  });

  test.each([
    ['no name', { metadata: { namespace: 'a' } }],
    ['labels that are no text', { metadata: { ...metadata, labels: { a: 1 } } }],
    ['a port out of range', { metadata, spec: { containers: [{ ports: [{ containerPort: 70_000 }] }] } }],
    ['text', 'pod'],
  ])('%s is refused', (_, object) => expect(() => POD.parse(object)).toThrow());
});

test('a namespace has its own name as a label, whatever the object says', () => {
  const row = NAMESPACE.parse({ metadata: { name: 'a', labels: { 'kubernetes.io/metadata.name': 'b', t: '1' } } });
  expect(row.labels).toEqual({ 'kubernetes.io/metadata.name': 'a', t: '1' });
});

test('labels named like properties of objects are labels', () => {
  const labels = JSON.parse('{"__proto__":"x","constructor":"y","a":"b"}') as object;
  expect(Object.entries(NAMESPACE.parse({ metadata: { name: 'a', labels } }).labels)).toContainEqual([
    'constructor',
    'y',
  ]);
});

test('node addresses: internal first, names left out', () => {
  const row = NODE.parse({
    metadata: { name: 'n' },
    spec: { podCIDR: '10.244.1.0/24' },
    status: {
      addresses: [
        { type: 'Hostname', address: 'n' },
        { type: 'ExternalIP', address: '203.0.113.1' },
        { type: 'InternalIP', address: '172.18.0.2' },
      ],
    },
  });
  expect(row).toMatchObject({
    addresses: ['172.18.0.2', '203.0.113.1'],
    podCIDRs: ['10.244.1.0/24'],
  });
});

test.each([[{ podSelector: {}, unknownField: [1] }], ['x'], [undefined], [null]])(
  'a network policy keeps its spec as it is: %j',
  (spec) => {
    const row = NETWORK_POLICY.parse({ apiVersion: 'v1', kind: 'x', metadata, spec, status: 1, later: {}, none: null });
    expect(row).toEqual({ kind: 'NetworkPolicy', uid: 'u', namespace: 'a', name: 'x', spec, unknownFields: ['later'] });
  },
);

test('nothing in its metadata costs a network policy its place', () => {
  const odd = { namespace: 'a', name: 'x', uid: 7, labels: [1], annotations: 'x', deletionTimestamp: {} };
  expect(NETWORK_POLICY.parse({ metadata: odd })).toMatchObject({ uid: '', namespace: 'a', name: 'x' });
});

test('paths', () => {
  expect(collectionPath(POD)).toBe('/api/v1/pods');
  expect(collectionPath(NETWORK_POLICY, 'a')).toBe('/apis/networking.k8s.io/v1/namespaces/a/networkpolicies');
  expect(objectPath(NODE, '', 'n')).toBe('/api/v1/nodes/n');
});
