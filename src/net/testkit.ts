import { type Addr, addrFromBytes } from './addr.ts';
import { crc32c, internetChecksum } from './checksum.ts';
import { type Mac, macFromBytes } from './mac.ts';
import { ETHERTYPE, pseudoHeader, TCP_FLAGS, type TcpFlag } from './packet.ts';
import { PROTOCOL_NUMBERS } from './protocol.ts';

export type ParsedArp = {
  readonly operation: number;
  readonly senderMac: Mac;
  readonly senderIp: Addr;
  readonly targetMac: Mac;
  readonly targetIp: Addr;
};

export type ParsedIp = {
  readonly version: 4 | 6;
  readonly source: Addr;
  readonly destination: Addr;
  /** TTL or hop limit. */
  readonly ttl: number;
  /** Behind all extension headers. */
  readonly protocol: number;
  readonly id: number;
  readonly moreFragments: boolean;
  /** Bytes. */
  readonly fragmentOffset: number;
  /** Of the IPv4 header; true for IPv6, which has none. */
  readonly checksumOk: boolean;
  /** Everything behind the IP header and its extensions. */
  readonly payload: Uint8Array;
};

export type ParsedTransport = {
  /** ICMP: 0. */
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tcp?: { readonly flags: readonly TcpFlag[]; readonly sequence: number; readonly acknowledgement: number };
  readonly icmp?: { readonly type: number; readonly code: number; readonly id: number; readonly sequence: number };
  /** False also where there is nothing to check it with, as in a later fragment. */
  readonly checksumOk: boolean;
  readonly payload: Uint8Array;
};

export type ParsedPacket = {
  readonly source: Mac;
  readonly destination: Mac;
  readonly vlan?: number;
  readonly etherType: number;
  readonly arp?: ParsedArp;
  readonly ip?: ParsedIp;
  readonly transport?: ParsedTransport;
};

/** For assertions on frames; understands what packet.ts builds. Throws RangeError on a frame cut short. */
export function parsePacket(frame: Uint8Array): ParsedPacket {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const tagged = view.getUint16(12) === ETHERTYPE.VLAN;
  const start = tagged ? 18 : 14;
  const etherType = view.getUint16(start - 2);
  const ethernet = {
    source: macFromBytes(frame.subarray(6)),
    destination: macFromBytes(frame),
    ...(tagged ? { vlan: view.getUint16(14) & 0xfff } : {}),
    etherType,
  };
  const body = frame.subarray(start);
  if (etherType === ETHERTYPE.ARP) return { ...ethernet, arp: parseArp(body) };
  if (etherType !== ETHERTYPE.IPv4 && etherType !== ETHERTYPE.IPv6) return ethernet;
  return { ...ethernet, ...parseDatagram(body) };
}

/** From the IP header on. */
export function parseDatagram(bytes: Uint8Array): { readonly ip: ParsedIp; readonly transport?: ParsedTransport } {
  const ip = (bytes[0] ?? 0) >> 4 === 4 ? parseIpv4(bytes) : parseIpv6(bytes);
  const transport = ip.fragmentOffset === 0 ? parseTransport(ip) : undefined;
  return transport === undefined ? { ip } : { ip, transport };
}

function parseArp(bytes: Uint8Array): ParsedArp {
  return {
    operation: new DataView(bytes.buffer, bytes.byteOffset).getUint16(6),
    senderMac: macFromBytes(bytes.subarray(8)),
    senderIp: addrFromBytes(bytes.subarray(14, 18)),
    targetMac: macFromBytes(bytes.subarray(18)),
    targetIp: addrFromBytes(bytes.subarray(24, 28)),
  };
}

function parseIpv4(bytes: Uint8Array): ParsedIp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = (view.getUint8(0) & 15) * 4;
  const fragment = view.getUint16(6);
  return {
    version: 4,
    source: addrFromBytes(bytes.subarray(12, 16)),
    destination: addrFromBytes(bytes.subarray(16, 20)),
    ttl: view.getUint8(8),
    protocol: view.getUint8(9),
    id: view.getUint16(4),
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    checksumOk: internetChecksum(bytes.subarray(0, headerLength)) === 0,
    payload: bytes.subarray(headerLength, view.getUint16(2)),
  };
}

/** Hop-by-hop, routing, destination options, fragment. */
const EXTENSIONS = new Set([0, 43, 44, 60]);

function parseIpv6(bytes: Uint8Array): ParsedIp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let protocol = view.getUint8(6);
  let at = 40;
  let fragment = { id: 0, moreFragments: false, fragmentOffset: 0 };
  while (EXTENSIONS.has(protocol)) {
    if (protocol === 44) {
      const field = view.getUint16(at + 2);
      fragment = { id: view.getUint32(at + 4), moreFragments: (field & 1) !== 0, fragmentOffset: field & 0xfff8 };
    }
    protocol = view.getUint8(at);
    at += (view.getUint8(at + 1) + 1) * 8;
  }
  return {
    version: 6,
    source: addrFromBytes(bytes.subarray(8, 24)),
    destination: addrFromBytes(bytes.subarray(24, 40)),
    ttl: view.getUint8(7),
    protocol,
    ...fragment,
    checksumOk: true,
    payload: bytes.subarray(at, 40 + view.getUint16(4)),
  };
}

function parseTransport(ip: ParsedIp): ParsedTransport | undefined {
  const bytes = ip.payload;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pseudo = (): Uint8Array => pseudoHeader(ip.source, ip.destination, ip.protocol, bytes.length);
  const ports = (): { sourcePort: number; destinationPort: number } => ({
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
  });
  switch (ip.protocol) {
    case PROTOCOL_NUMBERS.TCP: {
      const flags = (Object.keys(TCP_FLAGS) as TcpFlag[]).filter((f) => (view.getUint8(13) & TCP_FLAGS[f]) !== 0);
      return {
        ...ports(),
        tcp: { flags, sequence: view.getUint32(4), acknowledgement: view.getUint32(8) },
        checksumOk: internetChecksum(pseudo(), bytes) === 0,
        payload: bytes.subarray((view.getUint8(12) >> 4) * 4),
      };
    }
    case PROTOCOL_NUMBERS.UDP:
      return {
        ...ports(),
        checksumOk: view.getUint16(6) === 0 || internetChecksum(pseudo(), bytes) === 0,
        payload: bytes.subarray(8),
      };
    case PROTOCOL_NUMBERS.SCTP: {
      const copy = Uint8Array.from(bytes);
      copy.fill(0, 8, 12);
      return { ...ports(), checksumOk: view.getUint32(8, true) === crc32c(copy), payload: bytes.subarray(12) };
    }
    case PROTOCOL_NUMBERS.ICMP:
    case PROTOCOL_NUMBERS.ICMPv6:
      return {
        sourcePort: 0,
        destinationPort: 0,
        icmp: {
          type: view.getUint8(0),
          code: view.getUint8(1),
          id: view.getUint16(4),
          sequence: view.getUint16(6),
        },
        checksumOk: internetChecksum(ip.version === 6 ? pseudo() : new Uint8Array(0), bytes) === 0,
        payload: bytes.subarray(8),
      };
    default:
      return undefined;
  }
}

export { addrFromValue } from './addr.ts';
