/** The rtnetlink messages of the overlay. Attribute numbers: include/uapi/linux/{if_link,rtnetlink}.h. */
import { type Ifindex, ifindex } from '../../model/index.ts';
import { type Addr, addrBytes, addrFromBytes, type Mac, macBytes, Prefix } from '../../net/index.ts';
import type { Change } from './netlink.ts';
import {
  attribute,
  concatBytes,
  IFF_UP,
  IFLA,
  LINK_INFO,
  linkHeader,
  NLM,
  parseAttributes,
  type Reply,
  RT_TABLE_MAIN,
  RTA,
  RTM,
  routeHeader,
  SCOPE,
  text,
  u8,
  u32,
} from './netlink-message.ts';

const VXLAN = { learning: 7, port: 15, gbp: 23, collectMetadata: 25 } as const;
const IFF_NOARP = 0x80;
const AF_INET = 2;

export type OverlaySpec = {
  readonly name: string;
  /** The same on every node: what pods take for their gateway's. */
  readonly mac: Mac;
  readonly mtu: number;
  /** UDP. */
  readonly port: number;
};

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}

/** In external mode: who sends says where to, and with which identities. `index`: that it shall have. */
export function newOverlay(spec: OverlaySpec, index: Ifindex | undefined): Change {
  const data = concatBytes(
    attribute(VXLAN.learning, u8(0)),
    attribute(VXLAN.port, portBytes(spec.port)),
    attribute(VXLAN.gbp),
    attribute(VXLAN.collectMetadata, u8(1)),
  );
  return {
    what: `create ${spec.name}`,
    type: RTM.newLink,
    flags: NLM.create | NLM.exclusive,
    payload: concatBytes(
      linkHeader(index === undefined ? {} : { index }),
      attribute(IFLA.name, text(spec.name)),
      attribute(IFLA.address, macBytes(spec.mac)),
      attribute(IFLA.mtu, u32(spec.mtu)),
      attribute(IFLA.linkInfo, attribute(LINK_INFO.kind, text('vxlan')), attribute(LINK_INFO.data, data)),
    ),
  };
}

/** Up, without ARP: whoever is behind it has one MAC address, the device's own. */
export function raiseOverlay(index: Ifindex): Change {
  const header = linkHeader({ index });
  const view = new DataView(header.buffer);
  view.setUint32(8, IFF_UP | IFF_NOARP, true);
  view.setUint32(12, IFF_UP | IFF_NOARP, true);
  return { what: `set ifindex ${index} up`, type: RTM.setLink, flags: 0, payload: header };
}

export function setMtu(index: Ifindex, mtu: number): Change {
  const payload = concatBytes(linkHeader({ index }), attribute(IFLA.mtu, u32(mtu)));
  return { what: `set the MTU of ifindex ${index}`, type: RTM.setLink, flags: 0, payload };
}

/** Is it such a device, whatever its MTU? Its kind and these are for good. */
export function isOverlay(reply: Reply, spec: OverlaySpec): boolean {
  const attributes = parseAttributes(reply.payload.subarray(16));
  const info = parseAttributes(attributes.get(IFLA.linkInfo) ?? new Uint8Array());
  const data = parseAttributes(info.get(LINK_INFO.data) ?? new Uint8Array());
  const equal = (bytes: Uint8Array | undefined, wanted: Uint8Array) =>
    bytes !== undefined && Buffer.compare(bytes, wanted) === 0;
  return (
    equal(info.get(LINK_INFO.kind), text('vxlan')) &&
    equal(data.get(VXLAN.port), portBytes(spec.port)) &&
    equal(data.get(VXLAN.collectMetadata), u8(1)) &&
    data.has(VXLAN.gbp) &&
    equal(attributes.get(IFLA.address), macBytes(spec.mac))
  );
}

/**
 * What processes of the node send to a range of pods elsewhere goes out there, from `source`. One that is somebody else's is
 * never replaced: the kernel compares neither device nor source when it looks for the one to replace.
 */
export function rangeRoute(range: Prefix, index: Ifindex, source: Addr): Change {
  return {
    what: `add the route to ${range.toString()}`,
    type: RTM.newRoute,
    flags: NLM.create | NLM.exclusive,
    payload: concatBytes(
      routeHeader(AF_INET, range.length, SCOPE.link),
      attribute(RTA.destination, addrBytes(range.network)),
      attribute(RTA.out, u32(index)),
      attribute(RTA.prefSource, addrBytes(source)),
    ),
  };
}

export function removeRangeRoute(range: Prefix, index: Ifindex): Change {
  return {
    what: `remove the route to ${range.toString()}`,
    type: RTM.deleteRoute,
    flags: 0,
    payload: concatBytes(
      routeHeader(AF_INET, range.length, SCOPE.link),
      attribute(RTA.destination, addrBytes(range.network)),
      attribute(RTA.out, u32(index)),
    ),
    ignore: ['ESRCH', 'ENODEV'],
  };
}

/** A route of the main table. */
export type RangeRoute = {
  readonly range: Prefix;
  /** Undefined: through several devices, or to nowhere. */
  readonly out: Ifindex | undefined;
  readonly source: Addr | undefined;
  /** The least wins; there is one route of each. */
  readonly metric: number;
};

/** The routes to ranges of IPv4 in the main table. */
export function rangeRoutes(replies: readonly Reply[]): RangeRoute[] {
  return replies.flatMap(({ payload }) => {
    const attributes = parseAttributes(payload.subarray(12));
    const to = attributes.get(RTA.destination);
    const [family, length = 0, , , table] = payload;
    if (family !== AF_INET || table !== RT_TABLE_MAIN || to === undefined) return [];
    const source = attributes.get(RTA.prefSource);
    const out = number(attributes.get(RTA.out));
    return [
      {
        range: Prefix.of(addrFromBytes(to), length),
        out: out === undefined ? undefined : ifindex(out),
        source: source === undefined ? undefined : addrFromBytes(source),
        metric: number(attributes.get(RTA.priority)) ?? 0,
      },
    ];
  });
}

function number(bytes: Uint8Array | undefined): number | undefined {
  return bytes === undefined ? undefined : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}
