import type { DropReason } from './gen/enums.ts';

export type DropReasonText = {
  /** What was wrong with the packet, for a person. */
  readonly text: string;
  /** What to look at or do. */
  readonly remedy: string;
  /** The reason that Hubble's clients know and that comes nearest (proto/flow/flow.proto): they print others as numbers. */
  readonly hubble: string;
};

/** Every reason that the datapath knows; a new one in bpf/lib/drop.h does not compile until it has a text here. */
export const DROP_REASON_TEXTS = {
  none: { text: 'not dropped', remedy: 'Nothing to do.', hubble: 'DROP_REASON_UNKNOWN' },
  'policy-egress': {
    text: 'no policy allows the pod to send this',
    remedy: 'Ask `membrane policy trace` which policy isolates the pod, and allow the peer and port in an egress rule.',
    hubble: 'POLICY_DENIED',
  },
  'policy-ingress': {
    text: 'no policy allows the pod to receive this',
    remedy:
      'Ask `membrane policy trace` which policy isolates the pod, and allow the peer and port in an ingress rule.',
    hubble: 'POLICY_DENIED',
  },
  'not-ready': {
    text: 'the pod has no identity or no policy yet',
    remedy: 'Wait for the agent; if it lasts, look at `membrane endpoint get` for what is missing.',
    hubble: 'DROP_EP_NOT_READY',
  },
  'peer-not-ready': {
    text: 'the pod at the other end has no identity or no policy yet',
    remedy: 'Wait for the agent; if it lasts, look at `membrane endpoint get` of the other pod.',
    hubble: 'DROP_EP_NOT_READY',
  },
  'spoofed-ip': {
    text: "the source address is not the pod's",
    remedy: 'Look for a process in the pod that sends raw packets or routes for others.',
    hubble: 'INVALID_SOURCE_IP',
  },
  'spoofed-mac': {
    text: "the source MAC address is not the pod's",
    remedy: 'Look for a bridge, a virtual machine or a process that sends raw frames in the pod.',
    hubble: 'INVALID_SOURCE_MAC',
  },
  'wrong-gateway-mac': {
    text: 'the frame is not addressed to the gateway of the pod',
    remedy: "Check the pod's neighbour table: 169.254.1.1 must have the address 0a:58:a9:fe:01:01.",
    hubble: 'INVALID_DESTINATION_MAC',
  },
  vlan: {
    text: 'the frame has a VLAN tag',
    remedy: 'Send untagged frames; pods have no VLANs.',
    hubble: 'VLAN_FILTERED',
  },
  'loopback-address': {
    text: 'a loopback address is the source or destination outside of a host',
    remedy: 'Look for a process that sends raw packets: 127.0.0.0/8 never leaves a pod or a node.',
    hubble: 'INVALID_PACKET_DROPPED',
  },
  'arp-foreign': {
    text: "an ARP message speaks for an address that is not the sender's own",
    remedy: 'Look for ARP spoofing or a wrongly configured address in the pod.',
    hubble: 'UNSUPPORTED_L2_PROTOCOL',
  },
  'arp-unexpected': {
    text: 'an ARP message that is not a request for the gateway',
    remedy: 'Nothing to do for single ones; a pod needs only the address of its gateway.',
    hubble: 'UNSUPPORTED_L2_PROTOCOL',
  },
  'ipv6-disabled': {
    text: 'IPv6 is not enabled',
    remedy: 'Turn IPv6 off in the pod: it is not carried yet (`enableIPv6`).',
    hubble: 'UNSUPPORTED_L3_PROTOCOL',
  },
  'router-advertisement': {
    text: 'a pod sends IPv6 router advertisements or redirects',
    remedy: 'Look for a routing daemon or an attack in the pod: only the node routes.',
    hubble: 'FORBIDDEN_ICMPV6_MESSAGE',
  },
  'unknown-l3': {
    text: 'neither IPv4, IPv6 nor ARP',
    remedy: 'Use IP: other protocols are not carried.',
    hubble: 'UNSUPPORTED_L3_PROTOCOL',
  },
  'unknown-l4': {
    text: 'a transport protocol other than TCP, UDP, SCTP and ICMP',
    remedy: 'Carry it inside of UDP or TCP: policy cannot name it.',
    hubble: 'UNKNOWN_L4_PROTOCOL',
  },
  malformed: {
    text: 'a header is cut short or contradicts itself',
    remedy: 'Look for a process that sends raw packets, or for a broken device or tunnel.',
    hubble: 'INVALID_PACKET_DROPPED',
  },
  'ip-options': {
    text: 'the IPv4 header has options',
    remedy: 'Send without options: source routes and record routes are not allowed.',
    hubble: 'INVALID_PACKET_DROPPED',
  },
  multicast: {
    text: 'multicast or broadcast',
    remedy: 'Use unicast: multicast between pods is not carried.',
    hubble: 'UNKNOWN_L3_TARGET_ADDRESS',
  },
  'fragment-unknown': {
    text: 'a later fragment whose first fragment was not seen',
    remedy:
      'Send smaller packets; the first fragment was lost, dropped, came too long ago, or was overtaken on its way: fragments are not put back in order.',
    hubble: 'FIRST_LOGICAL_DATAGRAM_FRAGMENT_NOT_FOUND',
  },
  'fragments-disabled': {
    text: 'fragments are not enabled',
    remedy: 'Turn enableFragments on, or send packets that fit the MTU.',
    hubble: 'IP_FRAGMENTATION_NOT_SUPPORTED',
  },
  'ct-midstream': {
    text: 'a packet in the middle of a connection that is not known',
    remedy: 'Open the connection again. Its entry expired, or it belonged to a former owner of the address.',
    hubble: 'UNKNOWN_CONNECTION_TRACKING_STATE',
  },
  'ct-full': {
    text: 'the table of connections is full',
    remedy: 'Raise `maps.conntrack`.',
    hubble: 'CT_MAP_INSERTION_FAILED',
  },
  'ct-quota': {
    text: 'the pod has as many connections open as it may',
    remedy: 'Close connections in the pod, or raise `ctQuota`.',
    hubble: 'DROP_RATE_LIMITED',
  },
  'icmp-unrelated': {
    text: 'an ICMP error about a connection that is not known',
    remedy: 'Nothing to do for single ones: the connection is gone, or the error is forged.',
    hubble: 'UNKNOWN_CONNECTION_TRACKING_STATE',
  },
  'icmp-redirect': {
    text: 'an ICMP redirect',
    remedy: 'Look for an attack: nobody but the node tells a pod where to send.',
    hubble: 'UNKNOWN_ICMPV4_TYPE',
  },
  'forged-tunnel': {
    text: 'a packet of a pod, or one that a service turned, goes to the tunnel port of something that is no pod',
    remedy: 'Use another UDP port; this one would let a pod claim the identity of another.',
    hubble: 'ENCAPSULATION_TRAFFIC_IS_PROHIBITED',
  },
  'nat-exhausted': {
    text: 'no source port of the node is free towards this destination',
    remedy: 'Spread the connections over more destinations, or the pods over more nodes.',
    hubble: 'NO_MAPPING_FOR_NAT_MASQUERADE',
  },
  'no-route': {
    text: 'the node has no route or neighbour for the destination',
    remedy: 'Check the routes of the node with `ip route get`.',
    hubble: 'FIB_LOOKUP_FAILED',
  },
  'wrong-destination': {
    text: 'the destination address does not belong to whom it was sent to',
    remedy: 'Nothing to do for single ones: the address has a new owner, and the packet was for the former one.',
    hubble: 'STALE_OR_UNROUTABLE_IP',
  },
  unencapsulated: {
    text: 'a packet came without the tunnel, from an address of another node’s pods that no pod is known here to have',
    remedy:
      'With `routing: tunnel` check that all nodes use it, and look for a host that sends with the addresses of pods. With `routing: native` it may be a new pod that its node has not told of yet: what goes on is a host that forges it, or a node that does not tell (its check `told` of `membrane status`).',
    hubble: 'UNENCRYPTED_TRAFFIC',
  },
  'ttl-exceeded': {
    text: 'the packet has travelled too far',
    remedy: 'Look for a routing loop, or a traceroute.',
    hubble: 'TTL_EXCEEDED',
  },
  'packet-too-long': {
    text: 'the packet is longer than the way out of the node lets through; a pod that sent it is told so',
    remedy:
      'Nothing to do for single ones: the sender takes shorter ones. If it lasts, compare the MTU of the node’s devices and routes with `mtu` of the agent, and look whether pods let such messages in.',
    hubble: 'IP_FRAGMENTATION_NOT_SUPPORTED',
  },
  revoked: {
    text: 'an established connection that policy no longer allows',
    remedy: 'A policy or label change took the permission away; allow it again, or close the connection.',
    hubble: 'POLICY_DENIED',
  },
  'no-backend': {
    text: 'the service has no backend that could take it',
    remedy: 'Look at `membrane service list` for why its pods are not ready, or whether its selector matches any.',
    hubble: 'SERVICE_BACKEND_NOT_FOUND',
  },
  'service-conflict': {
    text: 'the client already has a connection of this source port with the backend, and no other port was found for this one',
    remedy:
      'Let the client use another source port: it reaches the backend through two services, or directly and through one, at once, with nearly all of its ports. SCTP in IP fragments is not translated: let it send smaller packets.',
    hubble: 'NO_MAPPING_FOR_NAT_MASQUERADE',
  },
  'tcp-window': {
    text: 'the answer to a SYN does not acknowledge it: it is about an earlier connection under the same port',
    remedy:
      'Nothing, if the next SYN gets through (it leaves under another port); if it lasts, look for a host outside that sends under the address of the server.',
    hubble: 'UNKNOWN_CONNECTION_TRACKING_STATE',
  },
  'service-unknown': {
    text: 'an address of the services of the cluster, where none serves this port and protocol',
    remedy:
      'Look at `membrane service list` for the ports of the service; a ClusterIP answers on these only, and not to ping.',
    hubble: 'SERVICE_BACKEND_NOT_FOUND',
  },
  'no-endpoint': {
    text: 'an address of the pods of the cluster, which no pod has',
    remedy:
      'Nothing to do when the pod was just deleted; otherwise look for who still uses the address of a former pod.',
    hubble: 'NO_MATCHING_LOCAL_CONTAINER_FOUND',
  },
  'sock-quota': {
    text: 'the pod has as many sockets to services as it may',
    remedy:
      'Look for a process in the pod that keeps sockets open (`ss -s`); connect() says ENOBUFS there. Raise `ctQuota`, or `maps.sock_origins` when all pods together have too many.',
    hubble: 'DROP_RATE_LIMITED',
  },
  'unfinished-checksum': {
    text: 'the kernel is asked to write a checksum where none belongs, which would change the packet after the verdict',
    remedy:
      'Look for a process in the pod that sends raw frames with a checksum offset of its own choice (PACKET_VNET_HDR): nothing honest does.',
    hubble: 'ERROR_WHILE_CORRECTING_L4_CHECKSUM',
  },
  martian: {
    text: 'the source is an address that nobody has, or a frame to many carries a packet for one',
    remedy: 'Look on the network of the node for who sends such frames; nothing honest does.',
    hubble: 'INVALID_SOURCE_IP',
  },
  'unknown-node': {
    text: 'a packet came through the overlay from an address that is no node of the cluster',
    remedy:
      'Look on the network of the nodes for who sends VXLAN; of a node that has just joined, wait until the agent knows it (`membrane status`).',
    hubble: 'UNKNOWN_SENDER',
  },
  'forged-identity': {
    text: 'a packet came through the overlay with an identity that its sender may not use',
    remedy: 'Check the node that it came from: only pods send as pods, and only addresses of nodes as a node.',
    hubble: 'INVALID_IDENTITY',
  },
  'stale-destination': {
    text: 'the sender was allowed to reach another identity than the one that the address has now',
    remedy:
      "Nothing to do for single ones: the address has a new owner or its labels changed. If it lasts, look whether the agent of the sender's node runs.",
    hubble: 'STALE_OR_UNROUTABLE_IP',
  },
  'tenant-boundary': {
    text: 'the pods are of two tenants, which share nothing for this',
    remedy:
      'Ask `membrane policy trace` whose both pods are. No policy opens this: one tenant exports the service, the other imports it.',
    hubble: 'POLICY_DENY',
  },
  'tenant-closed': {
    text: 'the namespace of one of the pods is closed: two tenants claim it, or none where each needs one',
    remedy: 'Ask `membrane tenant list` why; let exactly one Tenant claim the namespace.',
    hubble: 'POLICY_DENY',
  },
  'tenant-unknown': {
    text: 'this node has not heard yet whose one of the pods is',
    remedy: 'Wait for the agent; if it lasts, look at `membrane status`.',
    hubble: 'NO_CONFIGURATION_AVAILABLE_TO_PERFORM_POLICY_DECISION',
  },
  'tenant-world': {
    text: 'the boundary of the tenant is closed to what is outside of the cluster, or does not list the address',
    remedy:
      'Whoever may change the Tenant adds the address to `spec.world.cidrs`, with `spec.boundary.world: Listed`, or sets that to `Open`.',
    hubble: 'POLICY_DENY',
  },
  'tenant-nodes': {
    text: 'the boundary of the tenant is closed between its pods and nodes',
    remedy: 'Whoever may change the Tenant sets `spec.boundary.nodes: Open`.',
    hubble: 'POLICY_DENY',
  },
  'tenant-metadata': {
    text: "the tenant has nothing to do with the address, where clouds give out a machine's credentials, nor has a service that somebody outside asks",
    remedy:
      'Whoever may change the Tenant sets `spec.world.metadata: Open`, if its pods are to act as their node. A service that leads there has wrong endpoints.',
    hubble: 'POLICY_DENY',
  },
  'tenant-connections': {
    text: 'the tenant of the pod has as many connections open on this node as it may',
    remedy:
      'Ask `membrane tenant get` which of its pods has most; whoever may change the Tenant raises `spec.limits.connections`.',
    hubble: 'DROP_RATE_LIMITED',
  },
  'tenant-rate': {
    text: 'the pods of the tenant open more connections a second on this node than they may',
    remedy:
      'Ask `membrane tenant get` which of its pods was refused most; whoever may change the Tenant raises `spec.limits.newConnectionsPerSecond`.',
    hubble: 'DROP_RATE_LIMITED',
  },
  'tenant-nat-ports': {
    text: 'the tenant of the pod has as many ports of this node towards the world as it may',
    remedy:
      'Ask `membrane tenant get` which of its pods has most; whoever may change the Tenant raises `spec.limits.natPorts`.',
    hubble: 'DROP_RATE_LIMITED',
  },
  'unknown-sender': {
    text: 'a packet was to leave under the address of the node, and which pod has sent it cannot be told',
    remedy:
      'Nothing to do for single ones: two devices of this node have numbers that are 65,536 apart. If it lasts, start the pod anew.',
    hubble: 'UNKNOWN_SENDER',
  },
  internal: {
    text: 'the datapath failed where it must not',
    remedy: 'Report this with the output of `membrane doctor`.',
    hubble: 'MISSED_TAIL_CALL',
  },
} as const satisfies Readonly<Record<DropReason, DropReasonText>>;
