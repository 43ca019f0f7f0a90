import { errorMessage, type Logger } from '../../base/index.ts';
import type { NetnsEndpointsMap, SocketAccounts } from '../../datapath/index.ts';
import type { EndpointRecord } from '../../endpoint/index.ts';
import type { EndpointId } from '../../model/index.ts';

export type PodNamespacesOptions = {
  /** Undefined: services are off, and no socket is refused. */
  readonly map: NetnsEndpointsMap | undefined;
  readonly accounts: SocketAccounts | undefined;
  readonly cookieOf: (netns: string) => bigint;
  readonly log: Logger;
};

/**
 * Tells the socket programs whose a network namespace is, and who pays for its sockets. Without a row what a pod is refused
 * is refused all the same, and counted for the node; without an account its sockets count as nobody's. What cannot be
 * written costs nobody anything else.
 */
export class PodNamespaces {
  readonly #o: PodNamespacesOptions;
  readonly #rows = new Map<bigint, EndpointId>();

  constructor(options: PodNamespacesOptions) {
    this.#o = options;
  }

  /** Reads what an earlier life left. */
  async load(): Promise<void> {
    const { map, accounts } = this.#o;
    for (const [cookie, endpoint] of (await accounts?.pods()) ?? []) this.#rows.set(cookie, endpoint);
    for (const [cookie, { endpoint }] of (await map?.entries()) ?? []) {
      this.#rows.set(cookie, endpoint);
      accounts?.open(cookie, endpoint);
    }
  }

  add({ id, netns, addr }: Pick<EndpointRecord, 'id' | 'netns' | 'addr'>): void {
    const { map, accounts, cookieOf, log } = this.#o;
    if (map === undefined) return;
    try {
      const cookie = cookieOf(netns);
      this.#rows.set(cookie, id);
      accounts?.open(cookie, id);
      map.set(cookie, { endpoint: id, addr });
    } catch (error) {
      log.warn({ endpoint: id, netns, error: errorMessage(error) }, 'what the pod is refused is told of the node');
    }
  }

  remove(id: EndpointId): void {
    this.prune((endpoint) => endpoint !== id);
  }

  /** Forgets every endpoint that is not known. */
  prune(isKnown: (id: EndpointId) => boolean): void {
    for (const [cookie, id] of this.#rows) {
      if (isKnown(id)) continue;
      this.#o.map?.delete(cookie);
      this.#o.accounts?.close(cookie);
      this.#rows.delete(cookie);
    }
  }
}
