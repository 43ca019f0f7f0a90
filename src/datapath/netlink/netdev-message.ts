/** The rtnetlink messages that pods need. Attribute numbers: include/uapi/linux/{if_link,if_addr,rtnetlink,neighbour}.h. */
import { type Ifindex, ifindex } from '../../model/index.ts';
import { type Addr, addrBytes, addrFamily, addrFromBytes, type Mac, macBytes, macFromBytes } from '../../net/index.ts';
import type { Change } from './netlink.ts';
import {
  attribute,
  concatBytes,
  IFF_UP,
  IFLA,
  LINK_INFO,
  linkHeader,
  type Message,
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

const VETH_PEER = 1;
const AF_INET6 = 10;
const INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_NONE = 1;
const ARPHRD_ETHER = 1;
const NUD_PERMANENT = 0x80;

const family = (addr: Addr): number => (addrFamily(addr) === 4 ? 2 : AF_INET6);
const bits = (addr: Addr): number => (addrFamily(addr) === 4 ? 32 : 128);

export type VethSpec = {
  /** Host end. */
  readonly name: string;
  readonly mac: Mac;
  /** Pod end, which is created in its namespace and never seen in this one. */
  readonly peerName: string;
  readonly peerMac: Mac;
  readonly mtu: number;
};

export function newVeth(spec: VethSpec, netnsFd: number): Change {
  const end = (name: string, mac: Mac): Uint8Array =>
    concatBytes(
      attribute(IFLA.name, text(name)),
      attribute(IFLA.address, macBytes(mac)),
      attribute(IFLA.mtu, u32(spec.mtu)),
    );
  const peer = concatBytes(linkHeader(), end(spec.peerName, spec.peerMac), attribute(IFLA.netnsFd, u32(netnsFd)));
  return {
    what: `create the veth pair ${spec.name}`,
    type: RTM.newLink,
    flags: NLM.create | NLM.exclusive,
    payload: concatBytes(
      linkHeader(),
      end(spec.name, spec.mac),
      attribute(
        IFLA.linkInfo,
        attribute(LINK_INFO.kind, text('veth')),
        attribute(LINK_INFO.data, attribute(VETH_PEER, peer)),
      ),
    ),
  };
}

export function setLink(index: Ifindex, up: boolean): Change {
  const what = `set ifindex ${index} ${up ? 'up' : 'down'}`;
  return { what, type: RTM.setLink, flags: 0, payload: linkHeader({ index, up }) };
}

/** No link-local address by itself: a pod that has no IPv6 shall not begin to talk it. */
export function noIpv6Autoconf(index: Ifindex): Change {
  const mode = attribute(INET6_ADDR_GEN_MODE, u8(ADDR_GEN_NONE));
  return {
    what: `turn IPv6 autoconfiguration of ifindex ${index} off`,
    type: RTM.setLink,
    flags: 0,
    payload: concatBytes(linkHeader({ index }), attribute(IFLA.afSpec, attribute(AF_INET6, mode))),
    // A kernel or a namespace without IPv6.
    ignore: ['EAFNOSUPPORT', 'EOPNOTSUPP', 'EINVAL'],
  };
}

export function deleteLink(name: string): Change {
  return {
    what: `delete ${name}`,
    type: RTM.deleteLink,
    flags: 0,
    payload: concatBytes(linkHeader(), attribute(IFLA.name, text(name))),
    ignore: ['ENODEV'],
  };
}

export function getLink(name: string): Message {
  return { type: RTM.getLink, flags: 0, payload: concatBytes(linkHeader(), attribute(IFLA.name, text(name))) };
}

export function getLinkAt(index: Ifindex): Message {
  return { type: RTM.getLink, flags: 0, payload: linkHeader({ index }) };
}

export function newAddr(index: Ifindex, addr: Addr): Change {
  const header = concatBytes(Uint8Array.of(family(addr), bits(addr), 0, SCOPE.universe), u32(index));
  return {
    what: `add the address ${addr}`,
    type: RTM.newAddr,
    flags: NLM.create | NLM.replace,
    payload: concatBytes(header, attribute(1, addrBytes(addr)), attribute(2, addrBytes(addr))),
  };
}

export type RouteSpec = {
  /** Undefined: default. Otherwise one address. */
  readonly to?: Addr;
  /** Undefined: on the link. */
  readonly via?: Addr;
  readonly ifindex: Ifindex;
};

export function newRoute(spec: RouteSpec): Change {
  const addr = spec.to ?? spec.via;
  if (addr === undefined) throw new TypeError('a route without a destination needs a gateway');
  const scope = spec.via === undefined ? SCOPE.link : SCOPE.universe;
  const length = spec.to === undefined ? 0 : bits(addr);
  return {
    what: `add the route to ${spec.to ?? 'everything'}`,
    type: RTM.newRoute,
    flags: NLM.create | NLM.replace,
    payload: concatBytes(
      routeHeader(family(addr), length, scope),
      ...(spec.to === undefined ? [] : [attribute(RTA.destination, addrBytes(spec.to))]),
      attribute(RTA.out, u32(spec.ifindex)),
      ...(spec.via === undefined ? [] : [attribute(RTA.gateway, addrBytes(spec.via))]),
    ),
  };
}

export function newNeighbour(index: Ifindex, addr: Addr, mac: Mac): Change {
  const header = concatBytes(Uint8Array.of(family(addr), 0, 0, 0), u32(index), Uint8Array.of(NUD_PERMANENT, 0, 0, 0));
  return {
    what: `add the neighbour ${addr}`,
    type: RTM.newNeighbour,
    flags: NLM.create | NLM.replace,
    payload: concatBytes(header, attribute(1, addrBytes(addr)), attribute(2, macBytes(mac))),
  };
}

const SKIP_STATS = 8;

/** The payload that asks for all links. Without their counters, which cost the kernel more than all the rest. */
export function everyLink(): Uint8Array {
  return concatBytes(linkHeader(), attribute(IFLA.extMask, u32(SKIP_STATS)));
}

export type Link = {
  readonly ifindex: Ifindex;
  readonly name: string;
  readonly mac: Mac;
  readonly mtu: number;
  readonly up: boolean;
  /** Its frames begin with an Ethernet header; the loopback device's do not count. */
  readonly isEthernet: boolean;
  /** A port of a bridge or bond, which gets its frames. */
  readonly isPort: boolean;
};

export function parseLink(reply: Reply): Link {
  const view = new DataView(reply.payload.buffer, reply.payload.byteOffset);
  const attributes = parseAttributes(reply.payload.subarray(16));
  const mtu = attributes.get(IFLA.mtu);
  return {
    ifindex: ifindex(view.getInt32(4, true)),
    name: Buffer.from(attributes.get(IFLA.name) ?? [])
      .toString()
      .replace(/\0.*$/s, ''),
    mac: macFromBytes(attributes.get(IFLA.address) ?? new Uint8Array(6)),
    mtu: mtu === undefined ? 0 : new DataView(mtu.buffer, mtu.byteOffset).getUint32(0, true),
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    isEthernet: view.getUint16(2, true) === ARPHRD_ETHER,
    isPort: attributes.has(IFLA.master),
  };
}

/** One line of text for an address, route or neighbour, to compare what is with what should be. */
export function describeReply(reply: Reply): { readonly ifindex: number; readonly line: string } {
  const { payload } = reply;
  const view = new DataView(payload.buffer, payload.byteOffset);
  const addr = (bytes: Uint8Array | undefined): Addr | undefined =>
    bytes === undefined ? undefined : addrFromBytes(bytes);
  switch (reply.type) {
    case RTM.newAddr: {
      const attributes = parseAttributes(payload.subarray(8));
      const local = addr(attributes.get(2) ?? attributes.get(1));
      return { ifindex: view.getUint32(4, true), line: addrLine(local, view.getUint8(1)) };
    }
    case RTM.newRoute: {
      const attributes = parseAttributes(payload.subarray(12));
      const out = attributes.get(RTA.out);
      const index = out === undefined ? 0 : new DataView(out.buffer, out.byteOffset).getUint32(0, true);
      const isMain = view.getUint8(4) === RT_TABLE_MAIN;
      return {
        ifindex: isMain ? index : 0,
        line: routeLine(addr(attributes.get(RTA.destination)), addr(attributes.get(RTA.gateway))),
      };
    }
    default: {
      const attributes = parseAttributes(payload.subarray(12));
      const mac = attributes.get(2);
      const permanent = (view.getUint16(8, true) & NUD_PERMANENT) !== 0;
      const line = neighbourLine(addr(attributes.get(1)), mac === undefined ? undefined : macFromBytes(mac), permanent);
      return { ifindex: view.getInt32(4, true), line };
    }
  }
}

export function addrLine(addr: Addr | undefined, length = addr === undefined ? 0 : bits(addr)): string {
  return `address ${addr}/${length}`;
}

export function routeLine(to: Addr | undefined, via: Addr | undefined): string {
  return `route to ${to ?? 'default'}${via === undefined ? '' : ` via ${via}`}`;
}

export function neighbourLine(addr: Addr | undefined, mac: Mac | undefined, permanent = true): string {
  return `${permanent ? 'permanent' : 'learned'} neighbour ${addr} at ${mac}`;
}
