import type { JsonObject } from '../json.ts';
import type { ApiStore } from '../store/api-store.ts';
import { AUTHENTICATED, MASTERS } from './user.ts';

/** The roles and bindings that every cluster has from the start. */

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const AGGREGATE = 'rbac.authorization.k8s.io/aggregate-to-';
const BOOTSTRAP = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const RBAC = 'rbac.authorization.k8s.io';

const rule = (verbs: string[], group: string, ...resources: string[]): JsonObject => ({
  verbs,
  apiGroups: [group],
  resources,
});

/** By group: what people of a namespace look at. */
const SEEN: readonly (readonly [string, readonly string[]])[] = [
  ['', ['bindings', 'configmaps', 'endpoints', 'events', 'limitranges', 'namespaces', 'namespaces/status']],
  ['', ['persistentvolumeclaims', 'persistentvolumeclaims/status', 'pods', 'pods/log', 'pods/status']],
  ['', ['replicationcontrollers', 'replicationcontrollers/scale', 'replicationcontrollers/status']],
  ['', ['resourcequotas', 'resourcequotas/status', 'serviceaccounts', 'services', 'services/status']],
  ['apps', ['controllerrevisions', ...withParts('daemonsets', 'deployments', 'replicasets', 'statefulsets')]],
  ['autoscaling', withParts('horizontalpodautoscalers')],
  ['batch', withParts('cronjobs', 'jobs')],
  ['discovery.k8s.io', ['endpointslices']],
  ['networking.k8s.io', [...withParts('ingresses'), 'networkpolicies']],
  ['policy', withParts('poddisruptionbudgets')],
];

/** By group: what people of a namespace work with. */
const KEPT: readonly (readonly [string, readonly string[]])[] = [
  ['', ['configmaps', 'events', 'persistentvolumeclaims', 'pods', 'pods/attach', 'pods/exec', 'pods/portforward']],
  ['', ['pods/proxy', 'replicationcontrollers', 'replicationcontrollers/scale', 'secrets', 'serviceaccounts']],
  ['', ['services', 'services/proxy']],
  ['apps', ['daemonsets', 'deployments', 'deployments/rollback', 'deployments/scale', 'replicasets']],
  ['apps', ['replicasets/scale', 'statefulsets', 'statefulsets/scale']],
  ['autoscaling', ['horizontalpodautoscalers']],
  ['batch', ['cronjobs', 'jobs']],
  ['coordination.k8s.io', ['leases']],
  ['networking.k8s.io', ['ingresses', 'networkpolicies']],
  ['policy', ['poddisruptionbudgets']],
];

function withParts(...resources: string[]): string[] {
  return resources.flatMap((resource) => [resource, `${resource}/scale`, `${resource}/status`]);
}

const rulesFor = (verbs: string[], rows: readonly (readonly [string, readonly string[]])[]): JsonObject[] =>
  rows.map(([group, resources]) => rule(verbs, group, ...resources));

const ROLES: Readonly<Record<string, { rules?: JsonObject[]; into?: string; of?: string }>> = {
  'cluster-admin': { rules: [rule(['*'], '*', '*'), { verbs: ['*'], nonResourceURLs: ['*'] }] },
  admin: { of: 'admin' },
  edit: { of: 'edit', into: 'admin' },
  view: { of: 'view', into: 'edit' },
  'system:aggregate-to-admin': {
    into: 'admin',
    rules: [
      rule(['create'], 'authorization.k8s.io', 'localsubjectaccessreviews'),
      rule([...READ, ...WRITE], RBAC, 'roles', 'rolebindings'),
    ],
  },
  'system:aggregate-to-edit': {
    into: 'edit',
    rules: [
      ...rulesFor(WRITE, KEPT),
      rule(READ, '', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'secrets', 'services/proxy'),
      rule(['create'], '', 'pods/eviction', 'serviceaccounts/token'),
      rule(['impersonate'], '', 'serviceaccounts'),
      rule(READ, 'coordination.k8s.io', 'leases'),
    ],
  },
  'system:aggregate-to-view': { into: 'view', rules: rulesFor(READ, SEEN) },
  'system:basic-user': {
    rules: [
      rule(['create'], 'authorization.k8s.io', 'selfsubjectaccessreviews', 'selfsubjectrulesreviews'),
      rule(['create'], 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  'system:discovery': {
    rules: [
      {
        verbs: ['get'],
        nonResourceURLs: [
          '/api',
          '/api/*',
          '/apis',
          '/apis/*',
          '/healthz',
          '/livez',
          '/openapi',
          '/openapi/*',
          '/readyz',
          '/version',
          '/version/',
        ],
      },
    ],
  },
  'system:service-account-issuer-discovery': {
    rules: [{ verbs: ['get'], nonResourceURLs: ['/.well-known/openid-configuration', '/openid/v1/jwks'] }],
  },
  'system:auth-delegator': {
    rules: [
      rule(['create'], 'authentication.k8s.io', 'tokenreviews'),
      rule(['create'], 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
};

const BINDINGS: Readonly<Record<string, string>> = {
  'cluster-admin': MASTERS,
  'system:basic-user': AUTHENTICATED,
  'system:discovery': AUTHENTICATED,
  'system:service-account-issuer-discovery': 'system:serviceaccounts',
};

/** Makes those that are not there. */
export function makeInitialRoles(store: ApiStore): void {
  for (const [name, { rules = [], into, of }] of Object.entries(ROLES)) {
    if (store.get('clusterroles', { name }) !== undefined) continue;
    const labels = { ...BOOTSTRAP, ...(into === undefined ? {} : { [`${AGGREGATE}${into}`]: 'true' }) };
    const selector = of === undefined ? undefined : { matchLabels: { [`${AGGREGATE}${of}`]: 'true' } };
    store.create('clusterroles', {
      metadata: { name, labels },
      rules,
      ...(selector === undefined ? {} : { aggregationRule: { clusterRoleSelectors: [selector] } }),
    });
  }
  for (const [name, group] of Object.entries(BINDINGS)) {
    if (store.get('clusterrolebindings', { name }) !== undefined) continue;
    store.create('clusterrolebindings', {
      metadata: { name, labels: BOOTSTRAP },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects: [{ kind: 'Group', apiGroup: RBAC, name: group }],
    });
  }
}
