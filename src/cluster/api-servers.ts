import { namespacedName } from '../base/index.ts';
import { RESERVED_IDS } from '../identity/index.ts';
import type { IdentityId, NodeRow, ServicePort } from '../model/index.ts';
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

/** Where one answers: whom its address is of, as the datapath has it. */
export type ApiServerEnd = {
  readonly responder: IdentityId;
  readonly protocol: ServicePort['protocol'];
  readonly port: number;
};

export type ApiServersOptions = {
  readonly intent: Pick<Intent, 'slices' | 'nodes'>;
  readonly book: Pick<AddressBook, 'setApiServers' | 'ownerOf' | 'rangeOf'>;
  readonly repository: Pick<PolicyRepository, 'setApiServers' | 'cidrs'>;
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
  #ends: readonly ApiServerEnd[] = [];
  #own: { readonly node: NodeRow | undefined; readonly addrs: readonly Addr[] } = { node: undefined, addrs: [] };

  constructor(options: ApiServersOptions) {
    this.#o = options;
    this.#reader = options.intent.slices.reader();
  }

  /** Where they answer, sorted; the same array until it is elsewhere. Whoever has an address of the cluster's pods is none. */
  get ends(): readonly ApiServerEnd[] {
    return this.#ends;
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
    const own = this.#addressesOf(intent.nodes.get(namespacedName({ name: nodeName })));
    const isOutside = (addr: Addr) =>
      book.ownerOf(addr) === undefined && book.rangeOf(addr) === undefined && !own.includes(addr);
    repository.setApiServers(this.#addrs.filter(isOutside).map((addr) => Prefix.host(addr)));
    const whose = (addr: Addr): IdentityId | undefined => {
      if (own.includes(addr)) return RESERVED_IDS.host;
      if (isOutside(addr)) return repository.cidrs.of(addr)?.id;
      return book.ownerOf(addr)?.owner.kind === 'node' ? RESERVED_IDS['kube-apiserver'] : undefined;
    };
    this.#setEnds(this.#addrs.map(whose).filter((id) => id !== undefined));
  }

  /** Of this node; read once for each object. */
  #addressesOf(node: NodeRow | undefined): readonly Addr[] {
    if (node !== this.#own.node) this.#own = { node, addrs: node?.addresses.filter(isAddr).map(parseAddr) ?? [] };
    return this.#own.addrs;
  }

  #setEnds(responders: readonly IdentityId[]): void {
    const ports = this.#o.intent.slices.get(KEPT)?.ports ?? [];
    const ends = Array.from(new Set(responders))
      .sort((a, b) => a - b)
      .flatMap((responder) =>
        ports.flatMap(({ protocol, port }) => (port === null ? [] : [{ responder, protocol, port }])),
      );
    if (JSON.stringify(ends) !== JSON.stringify(this.#ends)) this.#ends = ends;
  }
}
