export type { EnvSource, EnvVar, ResourceRef } from './env-schema.ts';
export { EventRecorder } from './event-recorder.ts';
export { type Change, Informer } from './informer.ts';
export { LOCAL_DRIVER } from './local-volume.ts';
export { type Node, nodeIsReady, nodeSchema } from './node.ts';
export {
  type Container,
  isMadeToAttach,
  isReady,
  type LifecycleHandler,
  type Pod,
  type Probe,
  podKey,
  podSchema,
  type Toleration,
} from './pod.ts';
export { quantity } from './quantity.ts';
export { rfc3339, rfc3339Micro } from './time.ts';
export type { Projection, Volume, VolumeMount } from './volume-schema.ts';
