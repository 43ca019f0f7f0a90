import { fields, list, string, strings, struct } from './dsl.ts';
import { labelSelector, objectFields } from './meta.ts';

const RBAC = 'io.k8s.api.rbac.v1';

const rules = list(
  struct(`${RBAC}.PolicyRule`, fields(strings, 'verbs', 'apiGroups', 'resources', 'resourceNames', 'nonResourceURLs'), {
    required: ['verbs'],
  }),
  { keepEmpty: true },
);

const roleRef = struct(`${RBAC}.RoleRef`, fields(string, 'apiGroup', 'kind', 'name'), {
  required: ['apiGroup', 'kind', 'name'],
  atomic: true,
});

const subjects = list(
  struct(`${RBAC}.Subject`, fields(string, 'kind', 'apiGroup', 'name', 'namespace'), {
    required: ['kind', 'name'],
    atomic: true,
  }),
);

export const role = struct(`${RBAC}.Role`, { ...objectFields, rules });

export const clusterRole = struct(`${RBAC}.ClusterRole`, {
  ...objectFields,
  rules,
  aggregationRule: struct(`${RBAC}.AggregationRule`, { clusterRoleSelectors: list(labelSelector) }),
});

export const roleBinding = struct(
  `${RBAC}.RoleBinding`,
  { ...objectFields, subjects, roleRef },
  { required: ['roleRef'] },
);

export const clusterRoleBinding = struct(
  `${RBAC}.ClusterRoleBinding`,
  { ...objectFields, subjects, roleRef },
  { required: ['roleRef'] },
);
