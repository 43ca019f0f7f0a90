import type { Clock } from '../base/index.ts';
import type { AddressBook } from '../identity/index.ts';
import { isAddr, Prefix, parseAddr } from '../net/index.ts';
import type { Intent } from './intent.ts';
import { isWorkload } from './pod-identities.ts';

/**
 * How long the range of a node that is gone stays nobody's: others may still send to its pods, and who gets the addresses
 * next is not known. As long as an identity that nobody has rests by default.
 */
const REST_MS = 600_000;

export type RangeFollowerOptions = {
  readonly intent: Intent;
  readonly book: AddressBook;
  /** Of the configuration: addresses of this node's pods, instead of what its Node says. */
  readonly podCIDR?: Prefix | undefined;
  /** Pod ranges that an earlier life had in the kernel: what of them no Node has any more rests from now on. */
  readonly remembered?: readonly Prefix[];
  readonly clock: Clock;
};

/** Follows where the cluster gives out addresses, so that what has no owner there is nobody's and not the world's. */
export class RangeFollower {
  readonly #o: RangeFollowerOptions;
  readonly #services: () => ReadonlySet<string>;
  readonly #nodes: () => ReadonlySet<string>;
  /** By service: ClusterIPs. */
  readonly #allocated = new Map<string, readonly Prefix[]>();
  readonly #pods = new Map<string, readonly Prefix[]>();
  /** Ranges of no Node any more, in text, and until when they are nobody's. */
  readonly #resting = new Map<string, { readonly prefix: Prefix; readonly until: number }>();
  #known: readonly Prefix[] = [];
  #dirty = true;

  constructor(options: RangeFollowerOptions) {
    this.#o = options;
    this.#services = options.intent.services.reader();
    this.#nodes = options.intent.nodes.reader();
    this.#rest(options.remembered ?? []);
  }

  /** The ranges that services get their addresses from, as somebody says who should know. */
  know(services: readonly Prefix[]): void {
    this.#known = services;
    this.#dirty = true;
  }

  follow(): void {
    const { intent, book, podCIDR } = this.#o;
    for (const key of this.#services()) {
      const ips = intent.services.get(key)?.clusterIPs.filter(isAddr) ?? [];
      this.#put(
        this.#allocated,
        key,
        ips.map((ip) => Prefix.host(parseAddr(ip))),
      );
    }
    for (const key of this.#nodes()) {
      const now = intent.nodes.get(key)?.podCIDRs.flatMap(prefixOf) ?? [];
      const before = this.#pods.get(key) ?? [];
      this.#rest(before.filter((prefix) => !now.some((one) => one.equals(prefix))));
      this.#put(this.#pods, key, now);
    }
    this.#wake();
    if (!this.#dirty) return;
    this.#dirty = false;
    const known = this.#known;
    const strays = Array.from(this.#allocated.values()).flatMap((ips) =>
      ips.filter((ip) => !known.some((range) => range.contains(ip))),
    );
    const resting = Array.from(this.#resting.values(), ({ prefix }) => prefix);
    const pods = [...Array.from(this.#pods.values()).flat(), ...resting];
    book.followRanges({ services: [...known, ...strays], pods: podCIDR === undefined ? pods : [...pods, podCIDR] });
  }

  #rest(prefixes: readonly Prefix[]): void {
    const until = this.#o.clock.now() + REST_MS;
    for (const prefix of prefixes) this.#resting.set(prefix.toString(), { prefix, until });
  }

  /** Takes out what has rested; not while a pod has an address of it, as pods of a lost node do until they are collected. */
  #wake(): void {
    const now = this.#o.clock.now();
    const due = Array.from(this.#resting.values()).filter(({ until }) => until <= now);
    if (due.length === 0) return;
    const pods = this.#o.intent.pods.rows.values().filter(isWorkload);
    const addrs = Array.from(pods.flatMap(({ podIPs }) => podIPs.filter(isAddr).map(parseAddr)));
    for (const { prefix } of due) {
      if (addrs.some((addr) => prefix.contains(addr))) this.#rest([prefix]);
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

/** What is no prefix is nobody's range. */
function prefixOf(text: string): Prefix[] {
  try {
    return [Prefix.parse(text, { hostBits: 'clear' })];
  } catch {
    return [];
  }
}
