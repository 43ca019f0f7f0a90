import { join } from 'node:path';
import type { ApiStore, JsonObject } from '../apiserver/index.ts';
import { CLUSTER_DNS_IP, CLUSTER_DOMAIN, REPOSITORY } from '../machine/index.ts';

const NAMESPACE = 'kube-system';
/** Names and labels as kubeadm has them: policies of people name them. */
const NAME = 'coredns';
const ROLE = 'system:coredns';
const LABELS = { 'k8s-app': 'kube-dns' };
const RBAC = 'rbac.authorization.k8s.io';
const READ = ['list', 'watch'];
const READY = { httpGet: { port: 8181, path: '/ready' }, failureThreshold: 3 };
/** Whoever waits for names waits for this; once it is up, it is asked as rarely as kubeadm's. */
const STARTED = { ...READY, periodSeconds: 1, failureThreshold: 60 };
const PROGRAM = join(REPOSITORY, 'src/sandbox/dns/main.ts');

function container(): JsonObject {
  return {
    name: NAME,
    image: 'membrane/dns',
    command: [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM],
    env: [
      { name: 'CLUSTER_DOMAIN', value: CLUSTER_DOMAIN },
      // Half of what its start costs is the compiler.
      { name: 'NODE_COMPILE_CACHE', value: join(REPOSITORY, 'build/cache/dns') },
    ],
    ports: [
      { name: 'dns', containerPort: 53, protocol: 'UDP' },
      { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
    ],
    startupProbe: STARTED,
    readinessProbe: READY,
  };
}

function dnsObjects(): readonly (readonly [string, JsonObject])[] {
  const metadata = { name: NAME, namespace: NAMESPACE };
  const subject = { kind: 'ServiceAccount', name: NAME, namespace: NAMESPACE };
  return [
    ['serviceaccounts', { metadata }],
    [
      'clusterroles',
      {
        metadata: { name: ROLE },
        rules: [
          { apiGroups: [''], resources: ['namespaces', 'services'], verbs: READ },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
        ],
      },
    ],
    [
      'clusterrolebindings',
      { metadata: { name: ROLE }, roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: ROLE }, subjects: [subject] },
    ],
    [
      'services',
      {
        metadata: { name: 'kube-dns', namespace: NAMESPACE, labels: { ...LABELS, 'kubernetes.io/name': 'CoreDNS' } },
        spec: {
          clusterIP: CLUSTER_DNS_IP,
          selector: LABELS,
          ports: [
            { name: 'dns', port: 53, protocol: 'UDP' },
            { name: 'dns-tcp', port: 53, protocol: 'TCP' },
          ],
        },
      },
    ],
    [
      'deployments',
      {
        metadata: { ...metadata, labels: LABELS },
        spec: {
          replicas: 1,
          selector: { matchLabels: LABELS },
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
          template: {
            metadata: { labels: LABELS },
            spec: {
              serviceAccountName: NAME,
              // What it asks itself would come back to it.
              dnsPolicy: 'Default',
              tolerations: [{ operator: 'Exists' }],
              terminationGracePeriodSeconds: 1,
              containers: [container()],
            },
          },
        },
      },
    ],
  ];
}

/** Makes the DNS of the cluster, as pods of `kube-system` behind Service `kube-dns`; from then on it is anybody's to change. */
export function addClusterDns(store: ApiStore): void {
  for (const [resource, object] of dnsObjects()) store.create(resource, object);
}
