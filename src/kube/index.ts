export { KubeClient, type ObjectRef, type Page, type Selection } from './client.ts';
export type { Credentials, KubeConnection } from './connection.ts';
export { kubeErrors } from './errors.ts';
export { inClusterConnection } from './in-cluster.ts';
export { loadKubeconfig, parseKubeconfig } from './kubeconfig.ts';
export {
  Reflector,
  type ReflectorBatch,
  type ReflectorOptions,
  type ReflectorStatus,
  type RejectedObject,
} from './reflector.ts';
export {
  collectionPath,
  type KubeRow,
  NAMESPACE,
  type NamedPort,
  type NamespaceRow,
  NETWORK_POLICY,
  type NetworkPolicyRow,
  NODE,
  type NodeRow,
  objectPath,
  POD,
  type PodRow,
  type Resource,
  rowKey,
} from './resources/index.ts';
export type { WatchEvent } from './watch.ts';
