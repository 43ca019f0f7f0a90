import { type Config, type MapSizes, netnsCookie, ZERO_CONFIG } from '../../datapath/index.ts';
import type { Ifindex } from '../../model/index.ts';
import type { AgentConfig } from './config.ts';
import { connectionShares } from './connection-shares.ts';
import type { Ports } from './masquerade-ports.ts';
import { GATEWAY, GATEWAY_MAC, type Uplink } from './node-facts.ts';
import { socketShares } from './socket-shares.ts';
import { switchesOf } from './switches.ts';

export type NodeConfigParts = {
  readonly uplink: Uplink;
  readonly ports: Ports;
  readonly overlay: Ifindex;
  /** Another proxy's rules are here: what it has turned goes on its way. */
  readonly besideProxy: boolean;
};

/** A translated connection has a row for each direction: where it has an entry of conntrack, it has room for both. */
export function mapSizes(maps: AgentConfig['maps']): MapSizes {
  return { ...maps, translations: 2 * maps.conntrack };
}

/** The constants that are the same in every program of the node. `ports`: to masquerade with; `overlay`: its device, 0: none. */
export function nodeConfig(config: AgentConfig, { uplink, ports, overlay, besideProxy }: NodeConfigParts): Config {
  return {
    ...ZERO_CONFIG,
    ...switchesOf(config),
    enableStack: !config.enableServices || besideProxy,
    gatewayMac: GATEWAY_MAC,
    gatewayIpv4: GATEWAY,
    nodeIpv4: uplink.addr,
    uplinkIfindex: uplink.ifindex,
    overlayIfindex: overlay,
    tunnelPort: config.tunnelPort,
    snatPortMin: ports.min,
    snatPortMax: ports.max,
    nodePortMin: config.nodePortRange.min,
    nodePortMax: config.nodePortRange.max,
    nodeCookie: config.enableServices ? Number(netnsCookie()) : 0,
    ...connectionShares({
      capacity: config.maps.conntrack,
      endpoints: config.expectedPods,
      quota: config.ctQuota,
    }),
    ...socketShares({
      capacity: config.maps.sock_origins,
      endpoints: config.expectedPods,
      quota: config.ctQuota,
    }),
    eventRate: config.eventRate,
  };
}
