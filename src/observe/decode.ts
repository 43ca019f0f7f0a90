import {
  type Direction,
  type Flow,
  type FlowDenial,
  type FlowEnd,
  type FlowHook,
  type FlowRules,
  type FlowType,
  TCP_FLAGS,
  type TcpFlag,
} from '../model/index.ts';
import { PROTOCOL_NUMBERS, protocolName } from '../net/index.ts';

/** One record of the datapath's ring, as its codec decodes it (`Event` of src/datapath/gen has this shape). */
export type DatapathEvent = {
  /** ns, CLOCK_BOOTTIME */
  readonly timestamp: number;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sourceIdentity: number;
  readonly destinationIdentity: number;
  readonly sourceEndpoint: number;
  readonly destinationEndpoint: number;
  /** Ingress, egress; 0: a default or none. */
  readonly rule: readonly [number, number];
  readonly length: number;
  readonly ifindex: number;
  readonly ethertype: number;
  readonly type: FlowType;
  readonly reason: string;
  readonly hook: FlowHook;
  readonly protocol: number;
  readonly tcpFlags: number;
  readonly isReply: boolean;
};

export type WorkloadName = { readonly namespace: string; readonly pod: string };

/** What the agent knows now about the numbers in an event. Everything may be unknown. */
export type FlowLookup = {
  /** `k8s:app=web`, sorted. */
  readonly labels: (identity: number) => readonly string[] | undefined;
  readonly endpoint: (id: number) => WorkloadName | undefined;
  /** The pod of another node that owns the address *and* has this identity: an address alone proves nothing. */
  readonly address: (addr: string, identity: number) => WorkloadName | undefined;
  /** `NetworkPolicy tenant-a/backend ingress[0]` */
  readonly rule: (id: number) => string | undefined;
  /** Why policy dropped it. */
  readonly denial: (event: DatapathEvent) => FlowDenial | undefined;
};

export type DecodeContext = {
  readonly node: string;
  readonly lookup: FlowLookup;
  /** Milliseconds since the epoch, from nanoseconds of the boot clock. */
  readonly toWall: (bootNs: number) => number;
};

const ETHERTYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [0x0806, 'ARP'],
  [0x8100, 'VLAN'],
  [0x88a8, 'VLAN'],
]);
const IPV4 = 0x0800;
const IPV6 = 0x86dd;

/** The event with names instead of numbers. */
export function decodeFlow(event: DatapathEvent, context: DecodeContext): Flow {
  const { lookup } = context;
  const icmp = event.protocol === PROTOCOL_NUMBERS.ICMP || event.protocol === PROTOCOL_NUMBERS.ICMPv6;
  const isIp = event.ethertype === IPV4 || event.ethertype === IPV6 || event.ethertype === 0;
  const ports = isIp && !icmp;
  const dropped = event.type === 'drop';
  const denial = dropped ? lookup.denial(event) : undefined;
  return {
    time: context.toWall(event.timestamp),
    node: context.node,
    type: event.type,
    verdict: dropped ? 'dropped' : 'forwarded',
    ...(dropped ? { dropReason: event.reason } : {}),
    direction: directionOf(event.hook),
    source: flowEnd(event.source, ports ? event.sourcePort : 0, event.sourceIdentity, event.sourceEndpoint, lookup),
    destination: flowEnd(
      event.destination,
      ports ? event.destinationPort : 0,
      event.destinationIdentity,
      event.destinationEndpoint,
      lookup,
    ),
    protocol: isIp ? ipProtocol(event) : (ETHERTYPE_NAMES.get(event.ethertype) ?? hex(event.ethertype)),
    tcpFlags: event.protocol === PROTOCOL_NUMBERS.TCP && isIp ? tcpFlagNames(event.tcpFlags) : [],
    rules: rulesOf(event.rule, lookup),
    ...(denial === undefined ? {} : { denial }),
    isReply: event.isReply,
    length: event.length,
    ifindex: event.ifindex,
    hook: event.hook,
  };
}

function directionOf(hook: FlowHook): Direction {
  return hook === 'from-pod' || hook === 'socket' ? 'egress' : 'ingress';
}

function flowEnd(addr: string, port: number, identity: number, endpoint: number, lookup: FlowLookup): FlowEnd {
  const name = endpoint === 0 ? lookup.address(addr, identity) : lookup.endpoint(endpoint);
  return {
    addr,
    ...(port === 0 ? {} : { port }),
    identity,
    labels: identity === 0 ? [] : (lookup.labels(identity) ?? []),
    ...(name === undefined ? {} : { namespace: name.namespace, pod: name.pod }),
    ...(endpoint === 0 ? {} : { endpoint }),
  };
}

/** IPv6 that was dropped before its headers were read has no protocol number. */
function ipProtocol(event: DatapathEvent): string {
  if (event.protocol !== 0) return protocolName(event.protocol);
  return event.ethertype === IPV6 ? 'IPv6' : 'IPv4';
}

function rulesOf([ingress, egress]: readonly [number, number], lookup: FlowLookup): FlowRules {
  const text = (id: number) => (id === 0 ? undefined : (lookup.rule(id) ?? `rule ${id} (gone)`));
  const ingressRule = text(ingress);
  const egressRule = text(egress);
  return {
    ...(ingressRule === undefined ? {} : { ingress: ingressRule }),
    ...(egressRule === undefined ? {} : { egress: egressRule }),
  };
}

function tcpFlagNames(flags: number): TcpFlag[] {
  return TCP_FLAGS.filter((_, bit) => (flags & (1 << bit)) !== 0);
}

function hex(ethertype: number): string {
  return `0x${ethertype.toString(16).padStart(4, '0')}`;
}
