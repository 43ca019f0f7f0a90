export { ENDPOINT_SLICE } from './endpoint-slice.ts';
export { NAMESPACE } from './namespace.ts';
export { NODE } from './node.ts';
export { POD } from './pod.ts';
export { policyResource } from './policy.ts';
export type { Resource } from './resource.ts';
export { SERVICE } from './service.ts';
