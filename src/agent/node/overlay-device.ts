import {
  arrivesJoined,
  type Link,
  NativeRoutes,
  OverlayNetdev,
  type OverlaySpec,
  setGro,
} from '../../datapath/index.ts';
import type { AgentConfig } from './config.ts';
import { GATEWAY_MAC, type Uplink } from './node-facts.ts';

export const OVERLAY_DEVICE = 'mbr-overlay';

/** What VXLAN adds to a packet over IPv4: IP, UDP and VXLAN headers and the frame's own (RFC 7348). */
const VXLAN_BYTES = 50;

/** What fits into a packet of a pod. */
export function podMtu(config: Pick<AgentConfig, 'routing' | 'mtu'>, uplink: Pick<Uplink, 'mtu'>): number {
  return config.mtu ?? (config.routing === 'tunnel' ? uplink.mtu - VXLAN_BYTES : uplink.mtu);
}

export function overlaySpec(config: Pick<AgentConfig, 'tunnelPort'>, uplink: Pick<Uplink, 'mtu'>): OverlaySpec {
  return { name: OVERLAY_DEVICE, mac: GATEWAY_MAC, mtu: uplink.mtu - VXLAN_BYTES, port: config.tunnelPort };
}

/**
 * The overlay's device, down where it is new; removed, and undefined, where packets do not go that way. So are the routes of
 * another way. E_DATAPATH_NETLINK.
 */
export async function openOverlayDevice(config: AgentConfig, uplink: Uplink): Promise<Link | undefined> {
  if (config.routing !== 'native') {
    using routes = new NativeRoutes();
    await routes.remove();
  }
  using netdev = new OverlayNetdev();
  if (config.routing === 'tunnel') {
    const link = await netdev.ensure(overlaySpec(config, uplink));
    // What comes through the uplink was put together there: to try once more takes processor time and joins nothing.
    setGro(link.name, !arrivesJoined(uplink.name));
    return link;
  }
  await netdev.remove(OVERLAY_DEVICE);
  return undefined;
}
