import { networkInterfaces } from 'node:os';
import type { NetworkNews } from '../../datapath/index.ts';
import { type Addr, Prefix, parseAddr } from '../../net/index.ts';

/**
 * IPv4 addresses of this network namespace, 127/8 left out: nobody reaches that from outside. Others at the loopback
 * device are the node's like any: that is where an address belongs that is announced by a routing protocol. Addresses of
 * services are not, wherever they are.
 */
export function nodeAddresses(interfaces = networkInterfaces()): Addr[] {
  return Object.entries(interfaces)
    .flatMap(([name, entries]) => (name === OF_IPVS ? [] : (entries ?? [])))
    .filter(({ family, address }) => family === 'IPv4' && !LOOPBACK.contains(parseAddr(address)))
    .map(({ address }) => parseAddr(address));
}

/** Where a kube-proxy in IPVS mode puts the addresses of services, so that they come in at all. */
const OF_IPVS = 'kube-ipvs0';
const LOOPBACK = Prefix.parse('127.0.0.0/8');

/** The same, asked for only when something may have changed: every pass over the node's maps wants to know them. */
export class NodeAddresses {
  readonly #news: Pick<NetworkNews, 'take'>;
  readonly #ask: () => readonly Addr[];
  #known: readonly Addr[] | undefined;

  constructor(news: Pick<NetworkNews, 'take'>, ask: () => readonly Addr[] = nodeAddresses) {
    this.#news = news;
    this.#ask = ask;
  }

  /** As they are now. */
  get all(): readonly Addr[] {
    // Heard first: what changes while they are asked for is asked for again.
    if (this.#news.take()) this.#known = undefined;
    this.#known ??= this.#ask();
    return this.#known;
  }
}
