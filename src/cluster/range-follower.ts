import type { NamespacedName } from '../base/index.ts';
import { type Addr, isAddr, Prefix, parseAddr } from '../net/index.ts';
import type { TableReader } from '../table/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Intent } from './intent.ts';
import { tunnelOf } from './node-tunnel.ts';
import { podRangesOf } from './pod-ranges.ts';
import { isWorkload } from './pod-workload.ts';
import type { PodsElsewhere } from './pods-elsewhere.ts';
import type { RangeOwners } from './range-owners.ts';

/**
 * How long the range of a node that is gone stays nobody's: others may still send to its pods, and who gets the addresses
 * next is not known. As long as an identity that nobody has rests by default.
 */
const REST_MS = 600_000;

export type RangeFollowerOptions = {
  readonly intent: Intent;
  readonly elsewhere: Pick<PodsElsewhere, 'toldAddresses'>;
  readonly owners: Pick<RangeOwners, 'sharersOf'>;
  readonly book: Pick<AddressBook, 'followRanges'>;
  /** Of the configuration: addresses of this node's pods, instead of what its Node says. */
  readonly podCIDR?: Prefix | undefined;
  /** Pod ranges that an earlier life had in the kernel: what of them no Node has any more rests from the first look on. */
  readonly remembered?: readonly Prefix[];
};

/** Follows where the cluster gives out addresses, so that what has no owner there is nobody's and not the world's. */
export class RangeFollower {
  readonly #o: RangeFollowerOptions;
  readonly #services: TableReader<NamespacedName>;
  readonly #nodes: TableReader<NamespacedName>;
  readonly #ranges: TableReader;
  /** By service: ClusterIPs. */
  readonly #allocated = new Map<string, readonly Prefix[]>();
  readonly #pods = new Map<string, readonly Prefix[]>();
  /** By node: where the overlay finds its pods. */
  readonly #tunnels = new Map<string, Addr | null>();
  /** Ranges of no Node any more, in text, and until when they are nobody's. */
  readonly #resting = new Map<string, { readonly prefix: Prefix; readonly until: number }>();
  #remembered: readonly Prefix[];
  /** The ranges that services get their addresses from. */
  #known: readonly Prefix[] = [];
  #dirty = true;

  constructor(options: RangeFollowerOptions) {
    this.#o = options;
    this.#services = options.intent.services.reader();
    this.#nodes = options.intent.nodes.reader();
    this.#ranges = options.intent.serviceRanges.reader();
    this.#remembered = options.remembered ?? [];
  }

  follow(now: number): void {
    const { intent, book, podCIDR } = this.#o;
    this.#rest(this.#remembered, now);
    this.#remembered = [];
    if (this.#ranges.drain().size > 0) {
      this.#known = [...intent.serviceRanges.rows.values()];
      this.#dirty = true;
    }
    for (const key of this.#services.drain()) {
      const ips = intent.services.get(key)?.clusterIPs.filter(isAddr) ?? [];
      this.#put(
        this.#allocated,
        key,
        ips.map((ip) => Prefix.host(parseAddr(ip))),
      );
    }
    for (const key of this.#nodes.drain()) {
      const node = intent.nodes.get(key);
      const given = node === undefined ? [] : podRangesOf(node);
      const before = this.#pods.get(key) ?? [];
      this.#rest(
        before.filter((prefix) => !given.some((one) => one.equals(prefix))),
        now,
      );
      this.#put(this.#pods, key, given);
      const tunnel = node === undefined ? null : tunnelOf(node);
      if (tunnel !== (this.#tunnels.get(key) ?? null)) this.#dirty = true;
      if (node === undefined) this.#tunnels.delete(key);
      else this.#tunnels.set(key, tunnel);
    }
    this.#wake(now);
    if (!this.#dirty) return;
    this.#dirty = false;
    const known = this.#known;
    const strays = Array.from(this.#allocated.values()).flatMap((ips) =>
      ips.filter((ip) => !known.some((range) => range.contains(ip))),
    );
    const resting = Array.from(this.#resting.values(), ({ prefix }) => prefix);
    const pods = [...Array.from(this.#pods.values()).flat(), ...resting];
    book.followRanges({
      services: [...known, ...strays],
      pods: podCIDR === undefined ? pods : [...pods, podCIDR],
      tunnels: this.#tunnelsByRange(),
    });
  }

  #tunnelsByRange(): Map<string, Addr> {
    const found = new Map<string, Addr>();
    for (const [key, ranges] of this.#pods) {
      const tunnel = this.#tunnels.get(key) ?? null;
      if (tunnel === null) continue;
      // What two nodes give out is at neither.
      const own = ranges.filter((range) => this.#o.owners.sharersOf(range).size === 1);
      for (const range of own) found.set(range.toString(), tunnel);
    }
    return found;
  }

  #rest(prefixes: readonly Prefix[], now: number): void {
    const until = now + REST_MS;
    for (const prefix of prefixes) this.#resting.set(prefix.toString(), { prefix, until });
  }

  /** Takes out what has rested; not while a pod has an address of it, as pods of a lost node do until they are collected. */
  #wake(now: number): void {
    const due = Array.from(this.#resting.values()).filter(({ until }) => until <= now);
    if (due.length === 0) return;
    const pods = this.#o.intent.pods.rows.values().filter(isWorkload);
    const own = Array.from(pods.flatMap(({ podIPs }) => podIPs.filter(isAddr).map(parseAddr)));
    const addrs = [...own, ...this.#o.elsewhere.toldAddresses()];
    for (const { prefix } of due) {
      if (addrs.some((addr) => prefix.contains(addr))) this.#rest([prefix], now);
      else this.#dirty ||= this.#resting.delete(prefix.toString());
    }
  }

  #put(into: Map<string, readonly Prefix[]>, key: string, now: readonly Prefix[]): void {
    const before = into.get(key) ?? [];
    if (before.length === now.length && before.every((prefix, i) => now[i]?.equals(prefix))) return;
    if (now.length === 0) into.delete(key);
    else into.set(key, now);
    // A ClusterIP within a range that is known changes nothing.
    const inside = (prefix: Prefix) => into === this.#allocated && this.#known.some((range) => range.contains(prefix));
    this.#dirty ||= ![...before, ...now].every(inside);
  }
}
