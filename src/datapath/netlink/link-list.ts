import type { Link, Netdev } from './netdev.ts';
import type { NetworkNews } from './network-news.ts';

/** All devices of the node, asked for only when something may have changed. */
export class LinkList {
  readonly #netdev: Pick<Netdev, 'listLinks'>;
  readonly #news: Pick<NetworkNews, 'take'>;
  #known: readonly Link[] | undefined;

  constructor(netdev: Pick<Netdev, 'listLinks'>, news: Pick<NetworkNews, 'take'>) {
    this.#netdev = netdev;
    this.#news = news;
  }

  /** As they are now. Throws E_DATAPATH_NETLINK. */
  async all(): Promise<readonly Link[]> {
    // Asked first: what changes while the list is made is in the next one.
    if (this.#news.take()) this.#known = undefined;
    this.#known ??= await this.#netdev.listLinks('');
    return this.#known;
  }
}
