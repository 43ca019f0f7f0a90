/** The programs at the node's own devices. */
export type { NodeDevices } from './node-devices.ts';
export { openDevices } from './open-devices.ts';
