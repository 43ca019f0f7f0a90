export { ENDPOINT_SLICE, type EndpointSliceRow } from './endpoint-slice.ts';
export { NAMESPACE, type NamespaceRow } from './namespace.ts';
export { NETWORK_POLICY, type NetworkPolicyRow } from './network-policy.ts';
export { NODE, type NodeRow } from './node.ts';
export { POD, type PodRow } from './pod.ts';
export { type KubeRow, type Resource, rowKey } from './resource.ts';
export { SERVICE, type ServiceRow } from './service.ts';
