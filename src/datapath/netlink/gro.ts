/** Packets that a device puts together before anybody sees them. Numbers: include/uapi/linux/{sockios,ethtool}.h. */
import { deviceIoctl, kernelError } from '../kernel/index.ts';

const SIOCETHTOOL = 0x8946;
const [ETHTOOL_GDRVINFO, ETHTOOL_GGRO, ETHTOOL_SGRO] = [0x03, 0x2b, 0x2c];
/** struct ethtool_value; of struct ethtool_drvinfo, and where its driver's name is in it. */
const VALUE_BYTES = 8;
const DRVINFO = { bytes: 196, driver: 4, driverBytes: 32 } as const;

function ethtool(device: string, command: number, bytes: number, value = 0): DataView {
  const argument = new Uint8Array(bytes);
  const view = new DataView(argument.buffer);
  view.setUint32(0, command, true);
  view.setUint32(4, value, true);
  try {
    deviceIoctl(device, SIOCETHTOOL, argument);
  } catch (cause) {
    throw kernelError('E_DATAPATH_NETLINK', `ethtool ${command} of ${device}`, cause);
  }
  return view;
}

/** Empty: the device does not say. */
function driverOf(device: string): string {
  let buffer: ArrayBufferLike;
  try {
    ({ buffer } = ethtool(device, ETHTOOL_GDRVINFO, DRVINFO.bytes));
  } catch {
    return '';
  }
  return Buffer.from(buffer, DRVINFO.driver, DRVINFO.driverBytes).toString('latin1').split('\0', 1)[0] ?? '';
}

/**
 * Is what arrives at a device of this namespace as long as it can be? The device puts it together (also what is in a tunnel:
 * the kernel looks into VXLAN for that), or it is one end of a pair, at whose other end nothing was cut. Throws
 * E_DATAPATH_NETLINK.
 */
export const arrivesJoined = (device: string): boolean =>
  ethtool(device, ETHTOOL_GGRO, VALUE_BYTES).getUint32(4, true) !== 0 || driverOf(device) === 'veth';

/** Whether a device of this namespace puts packets together. Throws E_DATAPATH_NETLINK. */
export function setGro(device: string, on: boolean): void {
  ethtool(device, ETHTOOL_SGRO, VALUE_BYTES, on ? 1 : 0);
}
