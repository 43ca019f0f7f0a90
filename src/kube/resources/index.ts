export { NAMESPACE, type NamespaceRow } from './namespace.ts';
export { NETWORK_POLICY, type NetworkPolicyRow } from './network-policy.ts';
export { NODE, type NodeRow } from './node.ts';
export { type NamedPort, POD, type PodRow } from './pod.ts';
export { collectionPath, type KubeRow, objectPath, type Resource, rowKey } from './resource.ts';
