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
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies', 'servicecidrs'], verbs: FOLLOWED },
  // Numbers are given without a coordinator, so whoever gives them may also take one back.
  {
    apiGroups: ['membrane.io'],
    resources: ['identities'],
    verbs: [...FOLLOWED, 'create', 'get', 'patch', 'delete'],
  },
  // What a node tells of its own pods, and reads of those of others.
  {
    apiGroups: ['membrane.io'],
    resources: ['nodeendpointslices'],
    verbs: [...FOLLOWED, 'create', 'get', 'update', 'delete'],
  },
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
];

/** In kube-system: where kubeadm noted the range of services, for clusters without ServiceCIDR objects. */
export const NODE_SETUP_ROLE: readonly Rule[] = [
  { apiGroups: [''], resources: ['configmaps'], resourceNames: ['kubeadm-config'], verbs: ['get'] },
];
