/** Pods: how they come, what runs at their devices, how they are found again, and how they go. */
export type { BrokenEndpoints } from './broken-endpoints.ts';
export type { ClosedEndpoints } from './closed-endpoints.ts';
export { deferredFolder } from './deferred-deletes.ts';
export { type EndpointPrograms, removePodPins } from './endpoint-programs.ts';
export { type Endpoints, openEndpoints } from './open-endpoints.ts';
export { swapPrograms } from './restorer.ts';
