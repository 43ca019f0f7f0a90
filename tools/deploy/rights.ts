import { POLICY_KINDS } from '../../src/policy/index.ts';

type Rule = {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
};

const FOLLOWED = ['list', 'watch'];

/** What an agent may do in all of the cluster, and does: a test runs one under it and looks what it asked for. */
export const AGENT_ROLE: readonly Rule[] = [
  { apiGroups: [''], resources: ['namespaces', 'nodes', 'pods', 'services'], verbs: FOLLOWED },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: FOLLOWED },
  { apiGroups: ['networking.k8s.io'], resources: ['servicecidrs'], verbs: FOLLOWED },
  ...POLICY_KINDS.map(({ names: { group, plural } }) => ({
    apiGroups: [group],
    resources: [plural],
    verbs: FOLLOWED,
  })),
  // Numbers are given without a coordinator.
  {
    apiGroups: ['membrane.io'],
    resources: ['identities'],
    verbs: [...FOLLOWED, 'create', 'get', 'patch'],
  },
  // Who belongs together.
  { apiGroups: ['membrane.io'], resources: ['tenants'], verbs: FOLLOWED },
  // What a node tells of its own pods, and reads of those of others.
  {
    apiGroups: ['membrane.io'],
    resources: ['nodeendpointslices'],
    verbs: [...FOLLOWED, 'create', 'get', 'update', 'delete'],
  },
  // What a node has proved.
  { apiGroups: ['membrane.io'], resources: ['nodeproofs'], verbs: ['create', 'patch'] },
  // What a node has heard of numbers that are to be deleted; it never deletes one itself.
  { apiGroups: ['membrane.io'], resources: ['identityreceipts'], verbs: ['create', 'patch'] },
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
  // Who asks for flows, and what he may see.
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
];

/** What an operator may do in all of the cluster. Only it deletes numbers. */
export const OPERATOR_ROLE: readonly Rule[] = [
  { apiGroups: [''], resources: ['nodes'], verbs: FOLLOWED },
  { apiGroups: ['membrane.io'], resources: ['nodeendpointslices', 'nodeproofs'], verbs: FOLLOWED },
  { apiGroups: ['membrane.io'], resources: ['identities'], verbs: [...FOLLOWED, 'patch', 'delete'] },
  { apiGroups: ['membrane.io'], resources: ['identityreceipts'], verbs: ['list', 'delete'] },
  // What tenants have, and that none goes before its namespaces.
  { apiGroups: [''], resources: ['namespaces', 'services'], verbs: FOLLOWED },
  { apiGroups: ['membrane.io'], resources: ['tenants'], verbs: [...FOLLOWED, 'patch'] },
  { apiGroups: ['membrane.io'], resources: ['tenants/status'], verbs: ['patch'] },
  // What says what the floor does; admission leaves it those alone.
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: ['list', 'create', 'delete'] },
  // That a Tenant's status is not taken, its status cannot say.
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
];

/** In its own namespace: the Lease by which operators agree who works. */
export const LEASE_ROLE: readonly Rule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: ['membrane-operator'],
    verbs: ['get', 'update'],
  },
];

/** In the operator's namespace: by that an agent sees whether one works. */
export const LEASE_READER_ROLE: readonly Rule[] = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: ['membrane-operator'],
    verbs: ['get'],
  },
];

/** In the operator's own namespace, as the Lease: certificates of flows, with the keys of those who sign them. */
export const CERTIFICATES_ROLE: readonly Rule[] = secrets('membrane-hubble-ca', 'membrane-hubble-node');

/** In kube-system: the relay's. */
export const RELAY_CERTIFICATE_ROLE: readonly Rule[] = secrets('hubble-relay');

/**
 * What whoever owns a tenant may change of Tenants, as far as RBAC can say: admission leaves him the exports and imports of
 * his own (`ownerAdmission`). What he may read is said by name, for each tenant.
 */
export const TENANT_OWNER_ROLE: readonly Rule[] = [
  { apiGroups: ['membrane.io'], resources: ['tenants'], verbs: ['update', 'patch'] },
];

/** What a relay may do: ask who shows a token. What he may see nodes ask. */
export const RELAY_ROLE: readonly Rule[] = [
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
];

function secrets(...resourceNames: readonly string[]): Rule[] {
  return [
    { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames, verbs: ['get', 'update'] },
  ];
}

/** In kube-system: where kubeadm noted the range of services, for clusters without ServiceCIDR objects. */
export const NODE_SETUP_ROLE: readonly Rule[] = [
  { apiGroups: [''], resources: ['configmaps'], resourceNames: ['kubeadm-config'], verbs: ['get'] },
];
