export { KubeClient } from './client.ts';
export type { KubeConnection } from './connection.ts';
export { inClusterConnection } from './in-cluster.ts';
export { loadKubeconfig } from './kubeconfig.ts';
export { Reflector, type ReflectorBatch, type ReflectorStatus } from './reflector.ts';
export {
  ENDPOINT_SLICE,
  NAMESPACE,
  NODE,
  POD,
  policyResource,
  type Resource,
  SERVICE,
} from './resources/index.ts';
export { readServiceRanges, type ServiceRangesReading } from './service-ranges.ts';
