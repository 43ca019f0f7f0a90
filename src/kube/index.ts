export { findConnection, inClusterConnection, type KubeConnection, loadKubeconfig } from './access/index.ts';
export { KubeClient, type Selection } from './client.ts';
export { EventObjects, eventOn, eventPlace, type ObjectEvent } from './event-store.ts';
export { IdentityObjects } from './identity-store.ts';
export { LeaseObject, type LeaseRecord, microTime } from './lease.ts';
export { type MirrorObject, MirrorObjects } from './mirror-store.ts';
export { NodeProofObjects } from './node-proof-store.ts';
export { NodeSliceObjects } from './node-slice-store.ts';
export { IdentityReceipts } from './receipt-store.ts';
export { Reflector, type ReflectorBatch, type ReflectorStatus } from './reflector.ts';
export {
  ENDPOINT_SLICE,
  IDENTITY,
  NAMESPACE,
  NODE,
  NODE_ENDPOINT_SLICE,
  NODE_PROOF,
  POD,
  policyResource,
  type Resource,
  SERVICE,
  TENANT,
} from './resources/index.ts';
export { Reviews } from './reviews.ts';
export { type SecretData, SecretObject, type SecretRecord } from './secret-store.ts';
export { readServiceRanges, type ServiceRangesReading } from './service-ranges.ts';
export {
  KEPT_TENANT,
  type KeptTenant,
  TENANT_FINALIZER,
  type TenantCondition,
  TenantObjects,
  type TenantStatus,
} from './tenant-store.ts';
export { tokenOwner } from './token-owner.ts';
