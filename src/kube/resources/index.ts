export { ENDPOINT_SLICE } from './endpoint-slice.ts';
export { IDENTITY } from './identity.ts';
export { NAMESPACE } from './namespace.ts';
export { NODE } from './node.ts';
export { NODE_ENDPOINT_SLICE, nodeEndpointSliceObject } from './node-endpoint-slice.ts';
export { POD } from './pod.ts';
export { policyResource } from './policy.ts';
export { collectionPath, objectPath, type Resource } from './resource.ts';
export { SERVICE } from './service.ts';
