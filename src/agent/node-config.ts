import { type Config, netnsCookie, ZERO_CONFIG } from '../datapath/index.ts';
import type { AgentConfig } from './config.ts';
import { GATEWAY, GATEWAY_MAC, type Uplink } from './node-facts.ts';

/** Linux' default port of VXLAN: what a pod sends there would be taken for another node's word. */
const TUNNEL_PORT = 8472;
/** Above Linux' default range of ephemeral ports, which belongs to the node's own connections. */
export const SNAT_PORTS = { min: 61_000, max: 65_535 } as const;

/** The constants that are the same in every program of the node. */
export function nodeConfig(config: AgentConfig, uplink: Uplink): Config {
  return {
    ...ZERO_CONFIG,
    enableIpv6: config.enableIPv6,
    enableEvents: config.enableEvents,
    enableFragments: config.enableFragments,
    enableMasquerade: config.enableMasquerade,
    enableCidrSelects: config.cidrSelects.length > 0,
    enableCounters: config.enableCounters,
    enablePolicy: config.policyEnforcement !== 'never',
    enableIcmpErrors: config.enableIcmpErrors,
    enableServices: config.enableServices,
    gatewayMac: GATEWAY_MAC,
    gatewayIpv4: GATEWAY,
    nodeIpv4: uplink.addr,
    uplinkIfindex: uplink.ifindex,
    tunnelPort: TUNNEL_PORT,
    snatPortMin: SNAT_PORTS.min,
    snatPortMax: SNAT_PORTS.max,
    nodePortMin: config.nodePortRange.min,
    nodePortMax: config.nodePortRange.max,
    nodeCookie: config.enableServices ? Number(netnsCookie()) : 0,
    ctQuota: config.ctQuota,
    eventRate: config.eventRate,
  };
}
