import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { identityLabels } from './identity.ts';
import { identityId } from './ids.ts';
import { type LabelMap, labelMap } from './labels.ts';
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
  test('what a pod says of itself is not what is said of it', () => {
    const said = identityLabels({ kind: 'pod', id: identityId(256), workload: web });
    for (const text of said.filter((label) => label.startsWith('k8s:io.'))) {
      const [key = '', value = ''] = text.slice('k8s:'.length).split('=');
      const forger = { ...web, namespace: 'other', labels: labelMap({ [key]: value }) };
      const labels = identityLabels({ kind: 'pod', id: identityId(257), workload: forger });
      expect(labels).toContain(`pod:${key}=${value}`);
      expect(labels.filter((label) => label.startsWith(`k8s:${key}=`))).toHaveLength(1);
      expect(labels).toContain('k8s:io.kubernetes.pod.namespace=other');
      expect(workloadKey(forger)).not.toBe(workloadKey({ ...forger, labels: labelMap() }));
    }
  });

  test('is the same for two pods only when everything about them is, whatever stands in their labels', () => {
    const key = fc.constantFrom(
      'app',
      'io.kubernetes.pod.namespace',
      'io.cilium.k8s.policy.serviceaccount',
      'io.cilium.k8s.policy.cluster',
      'io.cilium.k8s.namespace.labels.team',
      'team',
    );
    const labels = fc.dictionary(key, fc.constantFrom('', 'a', 'shop', 'x;k8s:team=a', 'a=b'), {
      noNullPrototype: true,
    });
    const word = fc.constantFrom('a', 'shop');
    const workload = fc
      .record({ namespace: word, serviceAccount: word, cluster: word, labels, namespaceLabels: labels })
      .map(
        (facts): Workload => ({
          ...facts,
          labels: labelMap(facts.labels),
          namespaceLabels: labelMap(facts.namespaceLabels),
          namedPorts: [],
        }),
      );
    const sorted = (map: LabelMap): string[] => Array.from(map, (pair) => JSON.stringify(pair)).sort();
    const plain = ({ labels: own, namespaceLabels, ...rest }: Workload): string =>
      JSON.stringify([rest, sorted(own), sorted(namespaceLabels)]);
    fc.assert(
      fc.property(workload, workload, (a, b) => {
        expect(workloadKey(a) === workloadKey(b)).toBe(plain(a) === plain(b));
      }),
      { numRuns: 2_000 },
    );
  });

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
