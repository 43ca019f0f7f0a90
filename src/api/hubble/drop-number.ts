import type { DropReason } from '../../model/index.ts';
import { DropReason as Known } from './gen/flow/flow_pb.js';

/**
 * The reason that Hubble's clients know and that comes nearest: they print numbers that they do not know as such. Ours is in
 * the flow's summary and extensions.
 */
export const DROP_NUMBERS: Readonly<Record<DropReason, Known>> = {
  none: Known.DROP_REASON_UNKNOWN,
  'policy-egress': Known.POLICY_DENIED,
  'policy-ingress': Known.POLICY_DENIED,
  revoked: Known.POLICY_DENIED,
  'tenant-boundary': Known.POLICY_DENY,
  'tenant-closed': Known.POLICY_DENY,
  'tenant-world': Known.POLICY_DENY,
  'tenant-nodes': Known.POLICY_DENY,
  'tenant-unknown': Known.NO_CONFIGURATION_AVAILABLE_TO_PERFORM_POLICY_DECISION,
  'tenant-connections': Known.DROP_RATE_LIMITED,
  'tenant-rate': Known.DROP_RATE_LIMITED,
  'tenant-nat-ports': Known.DROP_RATE_LIMITED,
  'unknown-sender': Known.UNKNOWN_SENDER,
  'not-ready': Known.DROP_EP_NOT_READY,
  'peer-not-ready': Known.DROP_EP_NOT_READY,
  'spoofed-ip': Known.INVALID_SOURCE_IP,
  'spoofed-mac': Known.INVALID_SOURCE_MAC,
  'wrong-gateway-mac': Known.INVALID_DESTINATION_MAC,
  vlan: Known.VLAN_FILTERED,
  'loopback-address': Known.INVALID_PACKET_DROPPED,
  'arp-foreign': Known.UNSUPPORTED_L2_PROTOCOL,
  'arp-unexpected': Known.UNSUPPORTED_L2_PROTOCOL,
  'ipv6-disabled': Known.UNSUPPORTED_L3_PROTOCOL,
  'router-advertisement': Known.FORBIDDEN_ICMPV6_MESSAGE,
  'unknown-l3': Known.UNSUPPORTED_L3_PROTOCOL,
  'unknown-l4': Known.UNKNOWN_L4_PROTOCOL,
  malformed: Known.INVALID_PACKET_DROPPED,
  'ip-options': Known.INVALID_PACKET_DROPPED,
  multicast: Known.UNKNOWN_L3_TARGET_ADDRESS,
  'fragment-unknown': Known.FIRST_LOGICAL_DATAGRAM_FRAGMENT_NOT_FOUND,
  'fragments-disabled': Known.IP_FRAGMENTATION_NOT_SUPPORTED,
  'ct-midstream': Known.UNKNOWN_CONNECTION_TRACKING_STATE,
  'ct-full': Known.CT_MAP_INSERTION_FAILED,
  'ct-quota': Known.DROP_RATE_LIMITED,
  'icmp-unrelated': Known.UNKNOWN_CONNECTION_TRACKING_STATE,
  'icmp-redirect': Known.UNKNOWN_ICMPV4_TYPE,
  'forged-tunnel': Known.ENCAPSULATION_TRAFFIC_IS_PROHIBITED,
  'nat-exhausted': Known.NO_MAPPING_FOR_NAT_MASQUERADE,
  'no-route': Known.FIB_LOOKUP_FAILED,
  'wrong-destination': Known.STALE_OR_UNROUTABLE_IP,
  'stale-destination': Known.STALE_OR_UNROUTABLE_IP,
  unencapsulated: Known.UNENCRYPTED_TRAFFIC,
  'ttl-exceeded': Known.TTL_EXCEEDED,
  internal: Known.MISSED_TAIL_CALL,
  'no-backend': Known.SERVICE_BACKEND_NOT_FOUND,
  'service-conflict': Known.NO_MAPPING_FOR_NAT_MASQUERADE,
  'service-unknown': Known.SERVICE_BACKEND_NOT_FOUND,
  'no-endpoint': Known.NO_MATCHING_LOCAL_CONTAINER_FOUND,
  'unfinished-checksum': Known.ERROR_WHILE_CORRECTING_L4_CHECKSUM,
  martian: Known.INVALID_SOURCE_IP,
  'tcp-window': Known.UNKNOWN_CONNECTION_TRACKING_STATE,
  'sock-quota': Known.DROP_RATE_LIMITED,
  'unknown-node': Known.UNKNOWN_SENDER,
  'forged-identity': Known.INVALID_IDENTITY,
};

/** Of a flow; 0 for one that was not dropped. What a rule denies is told from what none allows. */
export function dropNumber(reason: string | undefined, isDeniedByRule: boolean): Known {
  if (reason === undefined) return Known.DROP_REASON_UNKNOWN;
  const number = DROP_NUMBERS[reason as DropReason] ?? Known.DROP_REASON_UNKNOWN;
  return isDeniedByRule && number === Known.POLICY_DENIED ? Known.POLICY_DENY : number;
}
