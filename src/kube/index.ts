export { KubeClient } from './client.ts';
export { inClusterConnection } from './in-cluster.ts';
export { loadKubeconfig } from './kubeconfig.ts';
export { Reflector, type ReflectorBatch, type ReflectorStatus } from './reflector.ts';
export {
  ENDPOINT_SLICE,
  type EndpointSliceRow,
  type KubeRow,
  NAMESPACE,
  type NamespaceRow,
  NETWORK_POLICY,
  type NetworkPolicyRow,
  NODE,
  type NodeRow,
  POD,
  type PodRow,
  type Resource,
  rowKey,
  SERVICE,
  type ServiceRow,
} from './resources/index.ts';
export { readServiceRanges, type ServiceRangesReading } from './service-ranges.ts';
