/** The programs at the node's own devices. */
export { DevicePrograms } from './device-programs.ts';
export { NodeDevices } from './node-devices.ts';
