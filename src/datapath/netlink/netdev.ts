import { closeSync, openSync, writeFileSync } from 'node:fs';
import { errorMessage } from '../../base/index.ts';
import type { Ifindex } from '../../model/index.ts';
import type { Addr, Mac } from '../../net/index.ts';
import { datapathErrors } from '../errors.ts';
import {
  addrLine,
  deleteLink,
  describeReply,
  everyLink,
  getLink,
  getLinkAt,
  type Link,
  neighbourLine,
  newAddr,
  newNeighbour,
  newRoute,
  newVeth,
  noIpv6Autoconf,
  parseLink,
  routeLine,
  setLink,
  type VethSpec,
} from './netdev-message.ts';
import { NetlinkSocket } from './netlink.ts';
import { RTM } from './netlink-message.ts';

export type { Link, VethSpec } from './netdev-message.ts';

/** A pod's end of the pair. */
export type PodDevice = {
  /** File that names the pod's network namespace. */
  readonly netns: string;
  /** Name inside, usually eth0. */
  readonly device: string;
  readonly addr: Addr;
  /** Link-local next hop; nobody has this address, the datapath answers for it. */
  readonly gateway: Addr;
  readonly gatewayMac: Mac;
};

/** The node's way to a pod. */
export type PodPath = { readonly ifindex: Ifindex; readonly addr: Addr; readonly mac: Mac };

/** Not route_localnet, ever: it would let a neighbour reach what listens on 127.0.0.1 (CVE-2020-8558). */
const HOST_SYSCTLS: readonly (readonly [string, string])[] = [
  ['ipv6/conf/@/disable_ipv6', '1'],
  ['ipv6/conf/@/accept_ra', '0'],
  ['ipv4/conf/@/send_redirects', '0'],
  ['ipv4/conf/@/accept_redirects', '0'],
  ['ipv4/conf/@/arp_notify', '0'],
  ['ipv4/conf/@/proxy_arp', '0'],
  ['ipv4/conf/@/route_localnet', '0'],
];

/** Devices, addresses, routes and neighbours of pods, in the network namespace of this process and in the pods'. */
export class Netdev implements Disposable {
  readonly #host: NetlinkSocket;

  private constructor(host: NetlinkSocket) {
    this.#host = host;
  }

  static open(): Netdev {
    return new Netdev(NetlinkSocket.open());
  }

  /**
   * Creates a pair with the pod's end directly in its namespace. Both ends stay down. Fails when either name exists.
   * Throws E_DATAPATH_NETNS, E_DATAPATH_NETLINK.
   */
  async createVeth(spec: VethSpec, netns: string): Promise<Link> {
    let fd: number;
    try {
      fd = openSync(netns, 'r');
    } catch (cause) {
      throw datapathErrors.make('E_DATAPATH_NETNS', { detail: netns, cause });
    }
    try {
      await this.#host.change(newVeth(spec, fd));
    } finally {
      closeSync(fd);
    }
    quietDevice(spec.name);
    const link = await this.findLink(spec.name);
    if (link === undefined) {
      throw datapathErrors.make('E_DATAPATH_NETLINK', { detail: `${spec.name} vanished right after it was created` });
    }
    return link;
  }

  async findLink(name: string): Promise<Link | undefined> {
    const reply = await this.#host.get(getLink(name), `find ${name}`);
    return reply === undefined ? undefined : parseLink(reply);
  }

  /** Asks for one device: who is missing in a list is asked for before he is taken for gone. */
  async linkAt(index: Ifindex): Promise<Link | undefined> {
    const reply = await this.#host.get(getLinkAt(index), `find ifindex ${index}`);
    return reply === undefined ? undefined : parseLink(reply);
  }

  /** Links whose name begins with `prefix`, e.g. `mbr`. */
  async listLinks(prefix: string): Promise<Link[]> {
    const replies = await this.#host.dump(RTM.getLink, everyLink());
    return replies.map(parseLink).filter((link) => link.name.startsWith(prefix));
  }

  async setUp(index: Ifindex): Promise<void> {
    await this.#host.change(setLink(index, true));
  }

  /** Nothing passes at a device that is down, whatever is attached to it. Takes its routes and neighbours along. */
  async setDown(index: Ifindex): Promise<void> {
    await this.#host.change(setLink(index, false));
  }

  /** Sets the host end up and adds the neighbour and the route to the pod. Repeating it is no error. */
  async openPath(path: PodPath): Promise<void> {
    await this.#host.change(
      setLink(path.ifindex, true),
      newNeighbour(path.ifindex, path.addr, path.mac),
      newRoute({ to: path.addr, ifindex: path.ifindex }),
    );
  }

  /** With it go the pod's end, routes, neighbours and attached programs. Deleting what is gone is success. */
  async deleteLink(name: string): Promise<void> {
    await this.#host.change(deleteLink(name));
  }

  /** Address, routes and the gateway's neighbour inside the pod; loopback up. Repeating it is no error. */
  async configurePod(pod: PodDevice): Promise<void> {
    using socket = NetlinkSocket.open(pod.netns);
    const index = (await linkIn(socket, pod.device)).ifindex;
    const loopback = (await linkIn(socket, 'lo')).ifindex;
    await socket.change(
      setLink(loopback, true),
      noIpv6Autoconf(index),
      setLink(index, true),
      newAddr(index, pod.addr),
      newNeighbour(index, pod.gateway, pod.gatewayMac),
      newRoute({ to: pod.gateway, ifindex: index }),
      newRoute({ via: pod.gateway, ifindex: index }),
    );
  }

  /** Compares the node's side with what `createVeth` and `openPath` make; empty: all is as it should be. */
  async checkHost(spec: Pick<VethSpec, 'name' | 'mac' | 'mtu'>, path: Omit<PodPath, 'ifindex'>): Promise<string[]> {
    const link = await this.findLink(spec.name);
    if (link === undefined) return [`there is no device ${spec.name}`];
    const wanted = [routeLine(path.addr, undefined), neighbourLine(path.addr, path.mac)];
    return [...checkLink(link, spec), ...(await missing(this.#host, link, wanted))];
  }

  /** Compares the pod's side with what `configurePod` makes. */
  async checkPod(pod: PodDevice, spec: Pick<VethSpec, 'peerMac' | 'mtu'>): Promise<string[]> {
    let socket: NetlinkSocket;
    try {
      socket = NetlinkSocket.open(pod.netns);
    } catch (error) {
      return [errorMessage(error)];
    }
    using _ = socket;
    const reply = await socket.get(getLink(pod.device), `find ${pod.device}`);
    if (reply === undefined) return [`there is no device ${pod.device} in ${pod.netns}`];
    const link = parseLink(reply);
    const wanted = [
      addrLine(pod.addr),
      routeLine(pod.gateway, undefined),
      routeLine(undefined, pod.gateway),
      neighbourLine(pod.gateway, pod.gatewayMac),
    ];
    return [...checkLink(link, { mac: spec.peerMac, mtu: spec.mtu }), ...(await missing(socket, link, wanted))];
  }

  close(): void {
    this.#host.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Of a device of ours on the node: nothing by itself, and nothing from whom its programs do not know. */
export function quietDevice(name: string): void {
  for (const [path, value] of HOST_SYSCTLS) {
    try {
      writeFileSync(`/proc/sys/net/${path.replace('@', name)}`, value);
    } catch (cause) {
      // A kernel without IPv6 has nothing to turn off.
      if (!path.startsWith('ipv6/')) {
        throw datapathErrors.make('E_DATAPATH_NETLINK', { detail: `sysctl net/${path.replace('@', name)}`, cause });
      }
    }
  }
}

async function linkIn(socket: NetlinkSocket, name: string): Promise<Link> {
  const reply = await socket.get(getLink(name), `find ${name}`);
  if (reply === undefined) throw datapathErrors.make('E_DATAPATH_NETLINK', { detail: `there is no device ${name}` });
  return parseLink(reply);
}

function checkLink(link: Link, wanted: { readonly mac: Mac; readonly mtu: number }): string[] {
  return [
    ...(link.up ? [] : [`${link.name} is down`]),
    ...(link.mac === wanted.mac ? [] : [`${link.name} has the address ${link.mac}, expected ${wanted.mac}`]),
    ...(link.mtu === wanted.mtu ? [] : [`${link.name} has the MTU ${link.mtu}, expected ${wanted.mtu}`]),
  ];
}

async function missing(socket: NetlinkSocket, link: Link, wanted: readonly string[]): Promise<string[]> {
  const replies = [
    ...(await socket.dump(RTM.getAddr, new Uint8Array(8))),
    ...(await socket.dump(RTM.getRoute, new Uint8Array(12))),
    ...(await socket.dump(RTM.getNeighbour, new Uint8Array(12))),
  ];
  const found = new Set(
    replies
      .map(describeReply)
      .filter((entry) => entry.ifindex === link.ifindex)
      .map((entry) => entry.line),
  );
  return wanted.filter((line) => !found.has(line)).map((line) => `${link.name} lacks ${line}`);
}
