import { namespacedName } from '../base/index.ts';
import { type Addr, isAddr, Prefix, parseAddr } from '../net/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import type { TableReader } from '../table/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Intent } from './intent.ts';

/**
 * The one EndpointSlice of the Service `default/kubernetes` that API servers keep by themselves, and put right when somebody
 * changes it. Another slice of that Service may be anybody's who may write there.
 */
const KEPT = namespacedName({ namespace: 'default', name: 'kubernetes' });

export type ApiServersOptions = {
  readonly intent: Pick<Intent, 'slices' | 'nodes'>;
  readonly book: Pick<AddressBook, 'setApiServers' | 'ownerOf' | 'rangeOf'>;
  readonly repository: Pick<PolicyRepository, 'setApiServers'>;
  readonly nodeName: string;
};

/**
 * From what API servers say of themselves to who they are. On a node one is that node, under another identity. One that is
 * on none is outside: to the datapath an address like others there, so that neither the overlay nor anybody else believes
 * more of it, and to policy an API server besides. What the cluster gives to pods and services is theirs, whoever says
 * that an API server is there.
 */
export class ApiServers {
  readonly #o: ApiServersOptions;
  readonly #reader: TableReader;
  #addrs: readonly Addr[] = [];

  constructor(options: ApiServersOptions) {
    this.#o = options;
    this.#reader = options.intent.slices.reader();
  }

  /** After whatever says whose addresses are. There are as many as API servers: all are looked at each time. */
  follow(): void {
    const { intent, book, repository, nodeName } = this.#o;
    if (this.#reader.drain().has(KEPT)) {
      const endpoints = intent.slices.get(KEPT)?.endpoints ?? [];
      this.#addrs = endpoints.flatMap(({ address }) => (isAddr(address) ? [parseAddr(address)] : []));
      book.setApiServers(this.#addrs);
    }
    // The book is about others than this node.
    const own =
      intent.nodes
        .get(namespacedName({ name: nodeName }))
        ?.addresses.filter(isAddr)
        .map(parseAddr) ?? [];
    const isOutside = (addr: Addr) =>
      book.ownerOf(addr) === undefined && book.rangeOf(addr) === undefined && !own.includes(addr);
    repository.setApiServers(this.#addrs.filter(isOutside).map((addr) => Prefix.host(addr)));
  }
}
