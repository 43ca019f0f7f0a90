/** Routes to pods of other nodes through these nodes. Attribute numbers: include/uapi/linux/rtnetlink.h. */
import type { Ifindex } from '../../model/index.ts';
import { type Addr, addrBytes, addrFromBytes, Prefix } from '../../net/index.ts';
import { type Change, NetlinkSocket } from './netlink.ts';
import {
  attribute,
  concatBytes,
  NLM,
  parseAttributes,
  RT_TABLE_MAIN,
  RTA,
  RTM,
  routeHeader,
  SCOPE,
  u32,
} from './netlink-message.ts';

const AF_INET = 2;
/** Who put them there, as `ip route show proto 77` has it: by it they are told from everybody else's. */
const RTPROT_MEMBRANE = 77;

/** IPv4. `via`: the node that has the range. */
export type NativeRoute = { readonly range: Prefix; readonly via: Addr };

type Found = NativeRoute & { readonly out: Ifindex };

/** The routes of this kind, in the network namespace of this process. */
export class NativeRoutes implements Disposable {
  readonly #socket = NetlinkSocket.open();

  /**
   * Makes these the routes, no others. A range to which somebody else has one keeps it, and a node that is not next to this
   * one is left to the routes of the network. Throws E_DATAPATH_NETLINK.
   */
  async lay(out: Ifindex, routes: readonly NativeRoute[]): Promise<void> {
    const found = await this.#find();
    const isSame = (one: Found, wanted: NativeRoute) =>
      one.out === out && one.via === wanted.via && one.range.equals(wanted.range);
    const gone = found.filter((one) => !routes.some((wanted) => isSame(one, wanted)));
    const come = routes.filter((wanted) => !found.some((one) => isSame(one, wanted)));
    // Each for itself: what the kernel refuses of one costs no other its route.
    for (const one of gone) await this.#socket.change(change(RTM.deleteRoute, one, ['ESRCH', 'ENODEV']));
    for (const one of come) {
      const unreachable = ['EEXIST', 'ENETUNREACH', 'EHOSTUNREACH', 'EINVAL'];
      await this.#socket.change(change(RTM.newRoute, { ...one, out }, unreachable));
    }
  }

  /** How many there were. */
  async remove(): Promise<number> {
    const found = await this.#find();
    for (const one of found) await this.#socket.change(change(RTM.deleteRoute, one, ['ESRCH', 'ENODEV']));
    return found.length;
  }

  async #find(): Promise<Found[]> {
    const replies = await this.#socket.dump(RTM.getRoute, new Uint8Array(12));
    return replies.flatMap(({ payload }) => {
      const [family, length = 0, , , table, protocol] = payload;
      if (family !== AF_INET || table !== RT_TABLE_MAIN || protocol !== RTPROT_MEMBRANE) return [];
      const attributes = parseAttributes(payload.subarray(12));
      const [to, via, out] = [RTA.destination, RTA.gateway, RTA.out].map((one) => attributes.get(one));
      if (to === undefined || via === undefined || out === undefined) return [];
      const index = new DataView(out.buffer, out.byteOffset).getUint32(0, true) as Ifindex;
      return [{ range: Prefix.of(addrFromBytes(to), length), via: addrFromBytes(via), out: index }];
    });
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

function change(type: number, { range, via, out }: Found, ignore: readonly string[]): Change {
  return {
    what: `${type === RTM.newRoute ? 'add' : 'remove'} the route to ${range.toString()} via ${via}`,
    type,
    flags: type === RTM.newRoute ? NLM.create | NLM.exclusive : 0,
    payload: concatBytes(
      routeHeader(AF_INET, range.length, SCOPE.universe, RTPROT_MEMBRANE),
      attribute(RTA.destination, addrBytes(range.network)),
      attribute(RTA.out, u32(out)),
      attribute(RTA.gateway, addrBytes(via)),
    ),
    ignore,
  };
}
