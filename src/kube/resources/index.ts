export { ENDPOINT_SLICE } from './endpoint-slice.ts';
export { NAMESPACE } from './namespace.ts';
export { NETWORK_POLICY } from './network-policy.ts';
export { NODE } from './node.ts';
export { POD } from './pod.ts';
export type { Resource } from './resource.ts';
export { SERVICE } from './service.ts';
