/** Pods: how they come, what runs at their devices, how they are found again, and how they go. */
export { Addressing } from './addressing.ts';
export { Attachments } from './attachments.ts';
export { BrokenEndpoints } from './broken-endpoints.ts';
export { ClosedEndpoints } from './closed-endpoints.ts';
export { CniServer } from './cni-server.ts';
export { DeferredDeletes, deferredFolder } from './deferred-deletes.ts';
export { EndpointPrograms } from './endpoint-programs.ts';
export { GoneAttachments } from './gone-attachments.ts';
export { KeyedQueue } from './keyed-queue.ts';
export { PodNamespaces } from './pod-namespaces.ts';
export { restoreEndpoints, swapPrograms } from './restorer.ts';
