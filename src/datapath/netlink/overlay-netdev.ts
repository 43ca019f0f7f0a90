import type { Ifindex } from '../../model/index.ts';
import type { Addr, Prefix } from '../../net/index.ts';
import { datapathErrors } from '../errors.ts';
import { quietDevice } from './netdev.ts';
import { deleteLink, getLink, type Link, parseLink } from './netdev-message.ts';
import { NetlinkSocket } from './netlink.ts';
import { RTM } from './netlink-message.ts';
import {
  isOverlay,
  newOverlay,
  type OverlaySpec,
  type RangeRoute,
  raiseOverlay,
  rangeRoute,
  rangeRoutes,
  removeRangeRoute,
  setMtu,
} from './overlay-message.ts';

export type { OverlaySpec } from './overlay-message.ts';

/** The device to other nodes' pods, and the routes through it, in the network namespace of this process. */
export class OverlayNetdev implements Disposable {
  readonly #socket = NetlinkSocket.open();

  /**
   * Takes over the device that is there, or makes one, with this index if it is given, which is down. One of the name that is
   * another kind of device is replaced. Throws E_DATAPATH_NETLINK.
   */
  async ensure(spec: OverlaySpec, index?: Ifindex): Promise<Link> {
    const found = await this.#socket.get(getLink(spec.name), `find ${spec.name}`);
    if (found === undefined || !isOverlay(found, spec)) {
      if (found !== undefined) await this.#socket.change(deleteLink(spec.name));
      await this.#socket.change(newOverlay(spec, index));
      quietDevice(spec.name);
    }
    const link = await this.#find(spec.name);
    if (link.mtu === spec.mtu) return link;
    await this.#socket.change(setMtu(link.ifindex, spec.mtu));
    return await this.#find(spec.name);
  }

  /** Only when its programs are there: without them it would hand everything to the node's stack. */
  async raise(link: Link): Promise<void> {
    if (!link.up) await this.#socket.change(raiseOverlay(link.ifindex));
  }

  async #find(name: string): Promise<Link> {
    const reply = await this.#socket.get(getLink(name), `find ${name}`);
    if (reply === undefined) throw datapathErrors.make('E_DATAPATH_NETLINK', { detail: `${name} vanished` });
    return parseLink(reply);
  }

  /** With it go its routes and programs. True when there was one. */
  async remove(name: string): Promise<boolean> {
    const found = await this.#socket.get(getLink(name), `find ${name}`);
    if (found !== undefined) await this.#socket.change(deleteLink(name));
    return found !== undefined;
  }

  /**
   * Makes these the ranges with a route through the device, no others. Where somebody else has a route to a range it stays
   * his: these are returned. Throws E_DATAPATH_NETLINK.
   */
  async route(index: Ifindex, ranges: readonly Prefix[], source: Addr): Promise<readonly Prefix[]> {
    const all = rangeRoutes(await this.#socket.dump(RTM.getRoute, new Uint8Array(12)));
    const own = all.filter(({ out }) => out === index);
    const taken = new Set(
      all.filter(({ out, metric }) => out !== index && metric === 0).map(({ range }) => range.toString()),
    );
    const isRight = (one: RangeRoute, wanted: Prefix): boolean => one.source === source && one.range.equals(wanted);
    const gone = own.filter((one) => !ranges.some((wanted) => isRight(one, wanted)));
    const come = ranges.filter((wanted) => !taken.has(wanted.toString()) && !own.some((one) => isRight(one, wanted)));
    const changes = [
      ...gone.map(({ range }) => removeRangeRoute(range, index)),
      ...come.map((range) => rangeRoute(range, index, source)),
    ];
    if (changes.length > 0) await this.#socket.change(...changes);
    return ranges.filter((range) => taken.has(range.toString()));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
