/** What on this node weakens Membrane. */
export { Doctor } from './doctor.ts';
export type { WatchedDevice } from './hook-facts.ts';
export type { MapFill } from './judge-maps.ts';
export { LoopbackWatch } from './loopback-watch.ts';
export { routeLocalnetDevices } from './sysctls.ts';
