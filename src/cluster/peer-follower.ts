import type { NamespacedName } from '../base/index.ts';
import type { ClusterNumbers } from '../identity/index.ts';
import { type IdentityId, identityId } from '../model/index.ts';
import { isAddr, parseAddr } from '../net/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import type { TableReader } from '../table/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Intent } from './intent.ts';
import { tunnelOf } from './node-tunnel.ts';

export type PeerFollowerOptions = {
  readonly intent: Pick<Intent, 'nodes'>;
  readonly numbers: Pick<ClusterNumbers, 'get' | 'known'>;
  readonly repository: Pick<PolicyRepository, 'upsertIdentity'>;
  readonly book: Pick<AddressBook, 'setNode'>;
  readonly nodeName: string;
};

/**
 * From what numbers mean to policy's members, whether anybody is known to have one or not: a packet may say it before
 * its node does. From where nodes are to whose their addresses are.
 */
export class PeerFollower {
  readonly #o: PeerFollowerOptions;
  readonly #nodes: TableReader<NamespacedName>;
  readonly #identities: TableReader;

  constructor(options: PeerFollowerOptions) {
    this.#o = options;
    this.#nodes = options.intent.nodes.reader();
    this.#identities = options.numbers.known.reader();
  }

  follow(): void {
    for (const name of this.#nodes.drain()) this.#followNode(name);
    for (const text of this.#identities.drain()) this.#followIdentity(identityId(Number(text)));
  }

  /** One that means nobody any more is removed when the kernel is told so. */
  #followIdentity(id: IdentityId): void {
    const identity = this.#o.numbers.get(id);
    if (identity !== undefined) this.#o.repository.upsertIdentity(identity);
  }

  #followNode(name: NamespacedName): void {
    const { intent, book, nodeName } = this.#o;
    const node = intent.nodes.get(name);
    if (node === undefined || name === nodeName) return book.setNode(name, []);
    book.setNode(name, node.addresses.filter(isAddr).map(parseAddr), tunnelOf(node));
  }
}
