import { randomBytes } from 'node:crypto';
import {
  type Addr,
  buildPacket,
  type EthernetSpec,
  type Ipv4Spec,
  type Mac,
  parseAddr,
  parseMac,
  type TransportSpec,
} from '../../net/index.ts';

/** One end on the wire. */
export type Party = { readonly ip: Addr; readonly mac: Mac };

/** What every pod has as its gateway: the host's side of its own device. */
export const GATEWAY: Party = { ip: parseAddr('169.254.1.1'), mac: parseMac('0a:58:a9:fe:01:01') };
export const BROADCAST_MAC: Mac = parseMac('ff:ff:ff:ff:ff:ff');
export const MARKER_BYTES = 12;

/** Bytes that no other frame on this machine has: what a counter looks for. */
export function newMarker(): Uint8Array {
  return Uint8Array.from(randomBytes(MARKER_BYTES));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** An honest IPv4 frame of a pod, except where `changes` say otherwise. */
export function podFrame(
  from: Party,
  to: Addr,
  transport: TransportSpec,
  changes: { ethernet?: Partial<EthernetSpec>; network?: Partial<Ipv4Spec> } = {},
): Uint8Array {
  return buildPacket({
    ethernet: { source: from.mac, destination: GATEWAY.mac, ...changes.ethernet },
    network: { kind: 'ipv4', source: from.ip, destination: to, ...changes.network },
    transport,
  });
}

export function udp(sourcePort: number, destinationPort: number, payload: Uint8Array): TransportSpec {
  return { kind: 'udp', sourcePort, destinationPort, payload };
}

/** First segment of a connection. Data in it (TCP Fast Open) is legal, and carries the marker. */
export function syn(sourcePort: number, destinationPort: number, payload: Uint8Array): TransportSpec {
  return { kind: 'tcp', sourcePort, destinationPort, flags: ['SYN'], sequence: 1, payload };
}

export function ping(id: number, payload: Uint8Array): TransportSpec {
  return { kind: 'icmp', type: 8, id, sequence: 1, payload };
}
