import { type Addr, addrBytes, addrFamily } from './addr.ts';
import { crc32c, internetChecksum } from './checksum.ts';
import { type Mac, macBytes } from './mac.ts';
import { PROTOCOL_NUMBERS } from './protocol.ts';

export const ETHERTYPE = { IPv4: 0x0800, ARP: 0x0806, VLAN: 0x8100, IPv6: 0x86dd, QinQ: 0x88a8 } as const;

export type EthernetSpec = {
  readonly source: Mac;
  readonly destination: Mac;
  /** Id of an 802.1Q tag. */
  readonly vlan?: number;
  /** Instead of what belongs to the network layer. */
  readonly etherType?: number;
};

export type ArpSpec = {
  readonly kind: 'arp';
  readonly operation: 'request' | 'reply';
  readonly senderMac: Mac;
  readonly senderIp: Addr;
  readonly targetMac: Mac;
  readonly targetIp: Addr;
};

export type Ipv4Spec = {
  readonly kind: 'ipv4';
  readonly source: Addr;
  readonly destination: Addr;
  readonly ttl?: number;
  readonly tos?: number;
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** Bytes, a multiple of 8. With one above 0 the transport layer is raw bytes. */
  readonly fragmentOffset?: number;
  /** Padded to a multiple of 4. */
  readonly options?: Uint8Array;
  /** Instead of the transport layer's. */
  readonly protocol?: number;
  /** Instead of the right one. */
  readonly totalLength?: number;
  readonly headerLength?: number;
  readonly checksum?: number;
};

export type Ipv6Spec = {
  readonly kind: 'ipv6';
  readonly source: Addr;
  readonly destination: Addr;
  readonly hopLimit?: number;
  /** Extension headers in order, each without its next-header and length bytes; padded to a multiple of 8. */
  readonly extensions?: readonly { readonly type: number; readonly body: Uint8Array }[];
  readonly nextHeader?: number;
};

export type RawNetworkSpec = { readonly kind: 'raw'; readonly etherType: number; readonly bytes: Uint8Array };

export type TcpFlag = 'FIN' | 'SYN' | 'RST' | 'PSH' | 'ACK' | 'URG';
export const TCP_FLAGS: Readonly<Record<TcpFlag, number>> = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32 };

export type TransportSpec =
  | {
      readonly kind: 'tcp';
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly flags: readonly TcpFlag[];
      readonly sequence?: number;
      readonly acknowledgement?: number;
      readonly payload?: Uint8Array;
    }
  | {
      readonly kind: 'udp';
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly payload?: Uint8Array;
    }
  | {
      readonly kind: 'sctp';
      readonly sourcePort: number;
      readonly destinationPort: number;
      readonly tag?: number;
      /** First chunk's type: 1 INIT, 0 DATA. Default 1. */
      readonly chunk?: number;
      /** Of the chunk, with its head. Default 20. */
      readonly chunkLength?: number;
    }
  | {
      /** ICMP in IPv4, ICMPv6 in IPv6. `id` and `sequence` are the four bytes behind the checksum. */
      readonly kind: 'icmp';
      readonly type: number;
      readonly code?: number;
      readonly id?: number;
      readonly sequence?: number;
      /** Of an error: the packet it is about, from its IP header on. */
      readonly payload?: Uint8Array;
    }
  | { readonly kind: 'raw'; readonly protocol: number; readonly bytes: Uint8Array };

export type PacketSpec = {
  readonly ethernet: EthernetSpec;
  readonly network: ArpSpec | Ipv4Spec | Ipv6Spec | RawNetworkSpec;
  readonly transport?: TransportSpec;
};

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

function u32(value: number): Uint8Array {
  return concat(u16(value >>> 16), u16(value & 0xffff));
}

function padTo(bytes: Uint8Array, multiple: number): Uint8Array {
  return concat(bytes, new Uint8Array((multiple - (bytes.length % multiple)) % multiple));
}

/** A whole frame with right lengths and checksums, except where the spec says otherwise. */
export function buildPacket(spec: PacketSpec): Uint8Array {
  const [etherType, body] = network(spec);
  const { ethernet } = spec;
  return concat(
    macBytes(ethernet.destination),
    macBytes(ethernet.source),
    ethernet.vlan === undefined ? new Uint8Array(0) : concat(u16(ETHERTYPE.VLAN), u16(ethernet.vlan)),
    u16(ethernet.etherType ?? etherType),
    body,
  );
}

/** The same from the IP header on: what an ICMP error quotes. */
export function buildDatagram(spec: Omit<PacketSpec, 'ethernet'>): Uint8Array {
  return network(spec)[1];
}

function network(spec: Omit<PacketSpec, 'ethernet'>): [number, Uint8Array] {
  const net = spec.network;
  switch (net.kind) {
    case 'raw':
      return [net.etherType, net.bytes];
    case 'arp':
      return [ETHERTYPE.ARP, arp(net)];
    case 'ipv4':
      return [ETHERTYPE.IPv4, ipv4(net, spec.transport)];
    case 'ipv6':
      return [ETHERTYPE.IPv6, ipv6(net, spec.transport)];
  }
}

function arp(spec: ArpSpec): Uint8Array {
  return concat(
    Uint8Array.of(0, 1, 8, 0, 6, 4, 0, spec.operation === 'request' ? 1 : 2),
    macBytes(spec.senderMac),
    addrBytes(spec.senderIp),
    macBytes(spec.targetMac),
    addrBytes(spec.targetIp),
  );
}

function ipv4(spec: Ipv4Spec, payload: TransportSpec | undefined): Uint8Array {
  const body = transport(payload, spec.source, spec.destination);
  const options = padTo(spec.options ?? new Uint8Array(0), 4);
  const length = 20 + options.length;
  const fragment =
    (spec.dontFragment ? 0x4000 : 0) | (spec.moreFragments ? 0x2000 : 0) | ((spec.fragmentOffset ?? 0) >> 3);
  const header = concat(
    Uint8Array.of(0x40 | ((spec.headerLength ?? length) >> 2), spec.tos ?? 0),
    u16(spec.totalLength ?? length + body.length),
    u16(spec.id ?? 0),
    u16(fragment),
    Uint8Array.of(spec.ttl ?? 64, spec.protocol ?? protocolOf(payload, 4), 0, 0),
    addrBytes(spec.source),
    addrBytes(spec.destination),
    options,
  );
  header.set(u16(spec.checksum ?? internetChecksum(header)), 10);
  return concat(header, body);
}

function ipv6(spec: Ipv6Spec, payload: TransportSpec | undefined): Uint8Array {
  const body = transport(payload, spec.source, spec.destination);
  const extensions = spec.extensions ?? [];
  const last = spec.nextHeader ?? protocolOf(payload, 6);
  const chain = extensions.map((extension, index) => {
    const padded = padTo(concat(Uint8Array.of(0, 0), extension.body), 8);
    padded.set([extensions[index + 1]?.type ?? last, padded.length / 8 - 1]);
    return padded;
  });
  const rest = concat(...chain, body);
  return concat(
    u32(0x6000_0000),
    u16(rest.length),
    Uint8Array.of(extensions[0]?.type ?? last, spec.hopLimit ?? 64),
    addrBytes(spec.source),
    addrBytes(spec.destination),
    rest,
  );
}

function protocolOf(spec: TransportSpec | undefined, family: 4 | 6): number {
  switch (spec?.kind) {
    case undefined:
      return 59;
    case 'tcp':
      return PROTOCOL_NUMBERS.TCP;
    case 'udp':
      return PROTOCOL_NUMBERS.UDP;
    case 'sctp':
      return PROTOCOL_NUMBERS.SCTP;
    case 'icmp':
      return family === 4 ? PROTOCOL_NUMBERS.ICMP : PROTOCOL_NUMBERS.ICMPv6;
    case 'raw':
      return spec.protocol;
  }
}

/** The bytes that TCP, UDP and ICMPv6 add to their checksum (RFC 9293, 3.1; RFC 8200, 8.1). */
export function pseudoHeader(source: Addr, destination: Addr, protocol: number, length: number): Uint8Array {
  const ends = concat(addrBytes(source), addrBytes(destination));
  return addrFamily(source) === 4
    ? concat(ends, Uint8Array.of(0, protocol), u16(length))
    : concat(ends, u32(length), u32(protocol));
}

function transport(spec: TransportSpec | undefined, source: Addr, destination: Addr): Uint8Array {
  switch (spec?.kind) {
    case undefined:
      return new Uint8Array(0);
    case 'raw':
      return spec.bytes;
    case 'tcp': {
      const flags = spec.flags.reduce((all, flag) => all | TCP_FLAGS[flag], 0);
      const segment = concat(
        u16(spec.sourcePort),
        u16(spec.destinationPort),
        u32(spec.sequence ?? 0),
        u32(spec.acknowledgement ?? 0),
        Uint8Array.of(0x50, flags, 0xff, 0xff, 0, 0, 0, 0),
        spec.payload ?? new Uint8Array(0),
      );
      const pseudo = pseudoHeader(source, destination, PROTOCOL_NUMBERS.TCP, segment.length);
      segment.set(u16(internetChecksum(pseudo, segment)), 16);
      return segment;
    }
    case 'udp': {
      const payload = spec.payload ?? new Uint8Array(0);
      const length = 8 + payload.length;
      const datagram = concat(u16(spec.sourcePort), u16(spec.destinationPort), u16(length), u16(0), payload);
      const checksum = internetChecksum(pseudoHeader(source, destination, PROTOCOL_NUMBERS.UDP, length), datagram);
      // Zero means "no checksum" (RFC 768).
      datagram.set(u16(checksum === 0 ? 0xffff : checksum), 6);
      return datagram;
    }
    case 'sctp': {
      const { chunkLength = 20 } = spec;
      const chunk = concat(Uint8Array.of(spec.chunk ?? 1, 0), u16(chunkLength), new Uint8Array(chunkLength - 4));
      const packet = concat(u16(spec.sourcePort), u16(spec.destinationPort), u32(spec.tag ?? 0), u32(0), chunk);
      new DataView(packet.buffer).setUint32(8, crc32c(packet), true);
      return packet;
    }
    case 'icmp': {
      const message = concat(
        Uint8Array.of(spec.type, spec.code ?? 0, 0, 0),
        u16(spec.id ?? 0),
        u16(spec.sequence ?? 0),
        spec.payload ?? new Uint8Array(0),
      );
      const isV6 = addrFamily(source) === 6;
      const pseudo = isV6
        ? pseudoHeader(source, destination, PROTOCOL_NUMBERS.ICMPv6, message.length)
        : new Uint8Array(0);
      message.set(u16(internetChecksum(pseudo, message)), 2);
      return message;
    }
  }
}
