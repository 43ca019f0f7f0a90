import type { NamespacedName } from '../base/index.ts';
import type { ClusterNumbers } from '../identity/index.ts';
import { type IdentityId, identityId } from '../model/index.ts';
import { type Addr, isAddr, parseAddr } from '../net/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import type { TableReader } from '../table/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Intent } from './intent.ts';
import { tunnelOf } from './node-tunnel.ts';
import type { RangeOwners } from './range-owners.ts';

export type PeerFollowerOptions = {
  readonly intent: Pick<Intent, 'nodes'>;
  readonly numbers: Pick<ClusterNumbers, 'get' | 'known'>;
  readonly repository: Pick<PolicyRepository, 'upsertIdentity'>;
  readonly book: Pick<AddressBook, 'setNode'>;
  /** Has followed the nodes already. */
  readonly owners: Pick<RangeOwners, 'ownersOf' | 'version'>;
  readonly nodeName: string;
};

/**
 * From what numbers mean to policy's members, whether anybody is known to have one or not: a packet may say it before
 * its node does. From where nodes are to whose their addresses are: a kubelet says what its own are, so that a node is not
 * known by an address that others alone give to their pods.
 */
export class PeerFollower {
  readonly #o: PeerFollowerOptions;
  readonly #nodes: TableReader<NamespacedName>;
  readonly #identities: TableReader;
  /** By node: what was made of it last, in text. */
  readonly #told = new Map<NamespacedName, string>();
  #ranges = 0;

  constructor(options: PeerFollowerOptions) {
    this.#o = options;
    this.#nodes = options.intent.nodes.reader();
    this.#identities = options.numbers.known.reader();
  }

  follow(): void {
    const { intent, owners } = this.#o;
    const changed = this.#nodes.drain();
    const isAsBefore = this.#ranges === owners.version;
    this.#ranges = owners.version;
    for (const name of isAsBefore ? changed : new Set([...changed, ...intent.nodes.rows.keys()]))
      this.#followNode(name);
    for (const text of this.#identities.drain()) this.#followIdentity(identityId(Number(text)));
  }

  /** One that means nobody any more is removed when the kernel is told so. */
  #followIdentity(id: IdentityId): void {
    const identity = this.#o.numbers.get(id);
    if (identity !== undefined) this.#o.repository.upsertIdentity(identity);
  }

  #followNode(name: NamespacedName): void {
    const { intent, book, nodeName } = this.#o;
    const node = name === nodeName ? undefined : intent.nodes.get(name);
    const addrs =
      node?.addresses
        .filter(isAddr)
        .map(parseAddr)
        .filter((addr) => this.#mayHave(name, addr)) ?? [];
    const tunnel = node === undefined ? null : tunnelOf(node);
    const text = `${tunnel} ${addrs.join()}`;
    if (this.#told.get(name) === text) return;
    if (node === undefined) this.#told.delete(name);
    else this.#told.set(name, text);
    book.setNode(name, addrs, tunnel);
  }

  /** The names of a node and of its object in the table are one. */
  #mayHave(node: string, addr: Addr): boolean {
    const givers = this.#o.owners.ownersOf(addr);
    return givers.size === 0 || givers.has(node);
  }
}
