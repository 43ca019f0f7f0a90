import { describe, expect, test } from 'vitest';
import { identityLabels } from './identity.ts';
import { identityId } from './ids.ts';
import { labelMap } from './labels.ts';
import { type Workload, workloadKey } from './workload.ts';

const web: Workload = {
  namespace: 'shop',
  namespaceLabels: labelMap({ team: 'a' }),
  labels: labelMap({ app: 'web' }),
  serviceAccount: 'default',
  cluster: 'default',
  namedPorts: [
    { name: 'http', protocol: 'TCP', port: 80 },
    { name: 'dns', protocol: 'UDP', port: 53 },
  ],
};

test('labels of a pod identity', () => {
  expect(identityLabels({ kind: 'pod', id: identityId(256), workload: web })).toEqual([
    'k8s:app=web',
    'k8s:io.cilium.k8s.namespace.labels.team=a',
    'k8s:io.cilium.k8s.policy.cluster=default',
    'k8s:io.cilium.k8s.policy.serviceaccount=default',
    'k8s:io.kubernetes.pod.namespace=shop',
  ]);
  expect(identityLabels({ kind: 'reserved', id: identityId(7), name: 'kube-apiserver' })).toEqual([
    'reserved:kube-apiserver',
    'reserved:remote-node',
  ]);
});

describe('workloadKey', () => {
  test('everything that identifies a pod counts', () => {
    const others: Workload[] = [
      { ...web, namespace: 'shop2' },
      { ...web, namespaceLabels: labelMap({ team: 'b' }) },
      { ...web, labels: labelMap({ app: 'web', v: '' }) },
      { ...web, serviceAccount: 'admin' },
      { ...web, cluster: 'two' },
      { ...web, namedPorts: web.namedPorts.slice(1) },
      { ...web, namedPorts: [{ name: 'http', protocol: 'TCP', port: 81 }, ...web.namedPorts.slice(1)] },
      { ...web, namedPorts: [{ name: 'http', protocol: 'UDP', port: 80 }, ...web.namedPorts.slice(1)] },
    ];
    expect(new Set([web, ...others].map(workloadKey)).size).toBe(others.length + 1);
  });

  test('order and repetition of ports do not', () => {
    const twice = { ...web, namedPorts: [...web.namedPorts.toReversed(), ...web.namedPorts] };
    expect(workloadKey(twice)).toBe(workloadKey(web));
  });
});
