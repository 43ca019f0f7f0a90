/** What on this node weakens Membrane. */
export { Doctor } from './doctor.ts';
export type { WatchedDevice } from './hook-facts.ts';
export type { MapFill } from './judge-maps.ts';
export { whyUnserved } from './judge-proxy.ts';
export { LoopbackWatch } from './loopback-watch.ts';
export { proxyFacts } from './proxy-facts.ts';
export { routeLocalnetDevices } from './sysctls.ts';
