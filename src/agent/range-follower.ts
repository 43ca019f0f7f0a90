import type { AddressBook } from '../identity/index.ts';
import { isAddr, Prefix, parseAddr } from '../net/index.ts';
import type { Intent } from './intent.ts';

export type RangeFollowerOptions = {
  readonly intent: Intent;
  readonly book: AddressBook;
  /** Of the configuration: addresses of this node's pods, instead of what its Node says. */
  readonly podCIDR?: Prefix | undefined;
};

/** Follows where the cluster gives out addresses, so that what has no owner there is nobody's and not the world's. */
export class RangeFollower {
  readonly #o: RangeFollowerOptions;
  readonly #services: () => ReadonlySet<string>;
  readonly #nodes: () => ReadonlySet<string>;
  /** By service: ClusterIPs. */
  readonly #allocated = new Map<string, readonly Prefix[]>();
  readonly #pods = new Map<string, readonly Prefix[]>();
  #known: readonly Prefix[] = [];
  #dirty = true;

  constructor(options: RangeFollowerOptions) {
    this.#o = options;
    this.#services = options.intent.services.reader();
    this.#nodes = options.intent.nodes.reader();
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
      this.#put(this.#pods, key, intent.nodes.get(key)?.podCIDRs.flatMap(prefixOf) ?? []);
    }
    if (!this.#dirty) return;
    this.#dirty = false;
    const known = this.#known;
    const strays = Array.from(this.#allocated.values()).flatMap((ips) =>
      ips.filter((ip) => !known.some((range) => range.contains(ip))),
    );
    const pods = Array.from(this.#pods.values()).flat();
    book.followRanges({ services: [...known, ...strays], pods: podCIDR === undefined ? pods : [...pods, podCIDR] });
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
