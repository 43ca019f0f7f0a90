import type { AgentNode } from '../node/index.ts';
import { DevicePrograms } from './device-programs.ts';
import { NodeDevices } from './node-devices.ts';

/** Looks at no device yet: pods' devices are told from others by what is restored before. */
export function openDevices({ config, kernel, clock, log }: AgentNode): NodeDevices {
  const { netdev, links, specs, maps, running, base, mayReplace, uplink } = kernel;
  const { pinDir, nodePortAcceleration: acceleration } = config;
  return new NodeDevices({
    links,
    netdev,
    programs: new DevicePrograms({ ...specs, maps, running, base, pinDir, acceleration, log }),
    mayReplace,
    uplink: uplink.ifindex,
    overlay: base.overlayIfindex,
    configured: config.devices,
    clock,
    log,
  });
}
