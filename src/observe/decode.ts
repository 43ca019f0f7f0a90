import {
  type Direction,
  type Flow,
  type FlowDenial,
  type FlowEnd,
  type FlowHook,
  type FlowRules,
  type FlowShadow,
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

/** What the numbers in an event meant at `time` (ms since the epoch). Everything may be unknown. */
export type FlowLookup = {
  /** `k8s:app=web`, sorted. */
  readonly labels: (identity: number, time: number) => readonly string[] | undefined;
  readonly endpoint: (id: number, time: number) => WorkloadName | undefined;
  /** The pod of another node that owned the address *and* had this identity: an address alone proves nothing. */
  readonly address: (addr: string, identity: number, time: number) => WorkloadName | undefined;
  /** `NetworkPolicy tenant-a/backend ingress[0]` */
  readonly rule: (id: number, time: number) => string | undefined;
  /** Why policy dropped it. */
  readonly denial: (event: DatapathEvent, time: number) => FlowDenial | undefined;
  /** What would become of it by what is not in force yet. */
  readonly shadow: (event: DatapathEvent) => FlowShadow | undefined;
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
export function decodeFlow(event: DatapathEvent, { node, lookup, toWall }: DecodeContext): Flow {
  const dropped = event.type === 'drop';
  const time = toWall(event.timestamp);
  const denial = dropped ? lookup.denial(event, time) : undefined;
  const shadow = lookup.shadow(event);
  const protocol = protocolOf(event.ethertype, event.protocol);
  const port = (number: number) => (hasPorts(event.ethertype, event.protocol) ? number : 0);
  const end = (what: Omit<EndNumbers, 'time'>) => flowEnd({ ...what, port: port(what.port), time }, lookup);
  return {
    time,
    node,
    type: event.type,
    verdict: dropped ? 'dropped' : 'forwarded',
    ...(dropped ? { dropReason: event.reason } : {}),
    direction: directionOf(event.hook),
    source: end({
      addr: event.source,
      port: event.sourcePort,
      identity: event.sourceIdentity,
      endpoint: event.sourceEndpoint,
    }),
    destination: end({
      addr: event.destination,
      port: event.destinationPort,
      identity: event.destinationIdentity,
      endpoint: event.destinationEndpoint,
    }),
    protocol,
    tcpFlags: tcpFlagsOf(event.ethertype, event.protocol, event.tcpFlags),
    rules: rulesOf(event.rule, lookup, time),
    ...(denial === undefined ? {} : { denial }),
    ...(shadow === undefined ? {} : { shadow }),
    isReply: event.isReply,
    length: event.length,
    ifindex: event.ifindex,
    hook: event.hook,
  };
}

export function directionOf(hook: FlowHook): Direction {
  return hook === 'from-pod' || hook === 'socket' ? 'egress' : 'ingress';
}

type EndNumbers = {
  readonly addr: string;
  readonly port: number;
  readonly identity: number;
  readonly endpoint: number;
  readonly time: number;
};

function flowEnd({ addr, port, identity, endpoint, time }: EndNumbers, lookup: FlowLookup): FlowEnd {
  const name = endpoint === 0 ? lookup.address(addr, identity, time) : lookup.endpoint(endpoint, time);
  return {
    addr,
    ...(port === 0 ? {} : { port }),
    identity,
    labels: identity === 0 ? [] : (lookup.labels(identity, time) ?? []),
    ...(name === undefined ? {} : { namespace: name.namespace, pod: name.pod }),
    ...(endpoint === 0 ? {} : { endpoint }),
  };
}

const isIp = (ethertype: number): boolean => ethertype === IPV4 || ethertype === IPV6 || ethertype === 0;

/** Of what is no IP the protocol number says nothing; ICMP has a type where others have ports. */
export function hasPorts(ethertype: number, protocol: number): boolean {
  return isIp(ethertype) && protocol !== PROTOCOL_NUMBERS.ICMP && protocol !== PROTOCOL_NUMBERS.ICMPv6;
}

/** IPv6 that was dropped before its headers were read has no protocol number. */
export function protocolOf(ethertype: number, protocol: number): string {
  if (!isIp(ethertype)) return ETHERTYPE_NAMES.get(ethertype) ?? hex(ethertype);
  if (protocol !== 0) return protocolName(protocol);
  return ethertype === IPV6 ? 'IPv6' : 'IPv4';
}

export function rulesOf([ingress, egress]: readonly [number, number], lookup: FlowLookup, time: number): FlowRules {
  const text = (id: number) => (id === 0 ? undefined : (lookup.rule(id, time) ?? `rule ${id} (gone)`));
  const ingressRule = text(ingress);
  const egressRule = text(egress);
  return {
    ...(ingressRule === undefined ? {} : { ingress: ingressRule }),
    ...(egressRule === undefined ? {} : { egress: egressRule }),
  };
}

export function tcpFlagsOf(ethertype: number, protocol: number, flags: number): readonly TcpFlag[] {
  if (protocol !== PROTOCOL_NUMBERS.TCP || !isIp(ethertype)) return [];
  return TCP_FLAGS.filter((_, bit) => (flags & (1 << bit)) !== 0);
}

function hex(ethertype: number): string {
  return `0x${ethertype.toString(16).padStart(4, '0')}`;
}
