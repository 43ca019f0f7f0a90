/** What on this node weakens Membrane. */
export type { Doctor } from './doctor.ts';
export { loopbackWatch } from './loopback-watch.ts';
export { nodeDoctor } from './node-doctor.ts';
