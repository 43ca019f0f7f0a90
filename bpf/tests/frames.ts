import {
  type Addr,
  buildDatagram,
  buildPacket,
  type EthernetSpec,
  type Ipv4Spec,
  type Mac,
  parseAddr,
  parseMac,
  type TcpFlag,
  type TransportSpec,
} from '../../src/net/index.ts';
import { GATEWAY_MAC, type LabPod } from './lab.ts';

/** What BPF_PROG_TEST_RUN takes for the node's own address on a device: that of the loopback device. */
const DEVICE_MAC = parseMac('00:00:00:00:00:00');
const ROUTER_MAC: Mac = parseMac('02:00:00:00:00:01');

export type FrameOptions = { readonly ethernet?: Partial<EthernetSpec>; readonly ip?: Partial<Ipv4Spec> };

/** What `pod` sends to an address through its gateway. */
export function fromPod(pod: LabPod, to: Addr, transport: TransportSpec, options: FrameOptions = {}): Uint8Array {
  return frame({ source: pod.mac, destination: GATEWAY_MAC }, pod.addr, to, transport, options);
}

/** What the node's stack sends to `pod`. */
export function toPod(pod: LabPod, from: Addr, transport: TransportSpec, options: FrameOptions = {}): Uint8Array {
  return frame({ source: GATEWAY_MAC, destination: pod.mac }, from, pod.addr, transport, options);
}

/** What comes in at a device of the node. */
export function fromWorld(from: Addr, to: Addr, transport: TransportSpec, options: FrameOptions = {}): Uint8Array {
  return frame({ source: ROUTER_MAC, destination: DEVICE_MAC }, from, to, transport, options);
}

function frame(
  ethernet: EthernetSpec,
  source: Addr,
  destination: Addr,
  transport: TransportSpec,
  options: FrameOptions,
): Uint8Array {
  return buildPacket({
    ethernet: { ...ethernet, ...options.ethernet },
    network: ipv4(source, destination, options.ip),
    transport,
  });
}

function ipv4(source: Addr, destination: Addr, ip: Partial<Ipv4Spec> = {}): Ipv4Spec {
  return { kind: 'ipv4', source, destination, ...ip };
}

export function ipv6Frame(pod: LabPod, source: Addr, destination: Addr, transport: TransportSpec): Uint8Array {
  return buildPacket({
    ethernet: { source: pod.mac, destination: GATEWAY_MAC },
    network: { kind: 'ipv6', source, destination },
    transport,
  });
}

export const tcp = (sourcePort: number, destinationPort: number, ...flags: TcpFlag[]): TransportSpec => ({
  kind: 'tcp',
  sourcePort,
  destinationPort,
  flags,
  sequence: flags.includes('SYN') ? 0 : 1,
  acknowledgement: flags.includes('ACK') ? 1 : 0,
  payload: flags.includes('PSH') ? new Uint8Array(20).fill(7) : new Uint8Array(0),
});

/** A TCP packet with other numbers. */
export function numbered(transport: TransportSpec, sequence: number, acknowledgement = 0): TransportSpec {
  return transport.kind === 'tcp' ? { ...transport, sequence, acknowledgement } : transport;
}

export const udp = (sourcePort: number, destinationPort: number, payload = new Uint8Array(12)): TransportSpec => ({
  kind: 'udp',
  sourcePort,
  destinationPort,
  payload,
});

/** Chunk types: 1 INIT, 2 INIT ACK, 0 DATA. */
export const sctp = (sourcePort: number, destinationPort: number, chunk = 1): TransportSpec => ({
  kind: 'sctp',
  sourcePort,
  destinationPort,
  chunk,
});

export const icmp = (type: number, id = 0, payload = new Uint8Array(8)): TransportSpec => ({
  kind: 'icmp',
  type,
  id,
  payload,
});

export const ping = (id: number): TransportSpec => icmp(8, id);
export const pong = (id: number): TransportSpec => icmp(0, id);

/** An ICMP error (default: port unreachable) about a datagram from `source` to `destination`. */
export function icmpError(
  source: Addr,
  destination: Addr,
  transport: TransportSpec,
  options: {
    readonly type?: number;
    readonly code?: number;
    readonly ip?: Partial<Ipv4Spec>;
    readonly cut?: number;
  } = {},
): TransportSpec {
  const quoted = buildDatagram({ network: ipv4(source, destination, options.ip), transport });
  return {
    kind: 'icmp',
    type: options.type ?? 3,
    code: options.code ?? 3,
    payload: quoted.subarray(0, options.cut ?? quoted.length),
  };
}

/** The transport layer of a datagram cut in two: what is in front of byte `at`, and the rest. */
export function fragmentsOf(
  source: Addr,
  destination: Addr,
  transport: TransportSpec,
  at: number,
): readonly [TransportSpec, TransportSpec] {
  const datagram = buildDatagram({ network: ipv4(source, destination), transport });
  const protocol = datagram[9] ?? 0;
  const body = datagram.subarray(20);
  return [
    { kind: 'raw', protocol, bytes: body.subarray(0, at) },
    { kind: 'raw', protocol, bytes: body.subarray(at) },
  ];
}

export const addr = parseAddr;
