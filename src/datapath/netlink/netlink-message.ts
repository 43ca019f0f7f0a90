/** Encoding of rtnetlink messages (RFC 3549; include/uapi/linux/rtnetlink.h). Host byte order, which is little-endian. */

export const NLM = { request: 1, ack: 4, replace: 0x100, exclusive: 0x200, dump: 0x300, create: 0x400 } as const;

export const RTM = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddr: 20,
  getAddr: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  getNeighbour: 30,
} as const;

/** Attributes of links: include/uapi/linux/if_link.h. */
export const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  master: 10,
  linkInfo: 18,
  afSpec: 26,
  netnsFd: 28,
  extMask: 29,
} as const;
export const LINK_INFO = { kind: 1, data: 2 } as const;
export const IFF_UP = 1;

/** Attributes of routes. */
export const RTA = { destination: 1, out: 4, gateway: 5, priority: 6, prefSource: 7 } as const;
export const SCOPE = { universe: 0, link: 253 } as const;
export const RT_TABLE_MAIN = 254;
/** Who put a route there (iproute2's rt_protos: "static"). */
const RTPROT_STATIC = 4;
const RTN_UNICAST = 1;

/** struct rtmsg of a route in the main table, to a prefix of `length` bits. `protocol`: who put it there. */
export function routeHeader(family: number, length: number, scope: number, protocol = RTPROT_STATIC): Uint8Array {
  return Uint8Array.of(family, length, 0, 0, RT_TABLE_MAIN, protocol, scope, RTN_UNICAST, 0, 0, 0, 0);
}

const HEADER = 16;
const align4 = (length: number): number => (length + 3) & ~3;

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function text(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(`${value}\0`));
}

/** One attribute; nest by giving attributes as the value. */
export function attribute(type: number, ...value: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...value);
  const bytes = new Uint8Array(align4(4 + body.length));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 4 + body.length, true);
  view.setUint16(2, type, true);
  bytes.set(body, 4);
  return bytes;
}

/** The attributes in `bytes`, by type; the last of a type wins. */
export function parseAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4) break;
    // The two upper bits say "nested" and "network byte order".
    found.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += align4(length);
  }
  return found;
}

/** struct ifinfomsg. `up`: set or clear IFF_UP; undefined leaves it. */
export function linkHeader(options: { index?: number; up?: boolean | undefined } = {}): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setInt32(4, options.index ?? 0, true);
  if (options.up !== undefined) {
    view.setUint32(8, options.up ? 1 : 0, true);
    view.setUint32(12, 1, true);
  }
  return bytes;
}

export type Message = { readonly type: number; readonly flags: number; readonly payload: Uint8Array };

/** Messages one behind the other, numbered from `sequence`. */
export function encodeMessages(messages: readonly Message[], sequence: number): Uint8Array {
  const parts = messages.map((message, index) => {
    const bytes = new Uint8Array(align4(HEADER + message.payload.length));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, HEADER + message.payload.length, true);
    view.setUint16(4, message.type, true);
    view.setUint16(6, message.flags | NLM.request, true);
    view.setUint32(8, sequence + index, true);
    bytes.set(message.payload, HEADER);
    return bytes;
  });
  return concatBytes(...parts);
}

export type Reply = {
  readonly type: number;
  readonly sequence: number;
  /** What is listed changed while the kernel listed it (NLM_F_DUMP_INTR): entries may be missing, or there twice. */
  readonly isInterrupted: boolean;
  readonly payload: Uint8Array;
};

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLM_F_DUMP_INTR = 0x10;

export function parseMessages(bytes: Uint8Array): Reply[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const replies: Reply[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > bytes.length) break;
    replies.push({
      type: view.getUint16(at + 4, true),
      sequence: view.getUint32(at + 8, true),
      isInterrupted: (view.getUint16(at + 6, true) & NLM_F_DUMP_INTR) !== 0,
      payload: bytes.slice(at + HEADER, at + length),
    });
    at += align4(length);
  }
  return replies;
}
