import { type NamespacedName, namespacedName } from '../base/index.ts';
import { RESERVED_IDS } from '../identity/index.ts';
import type { PodRow } from '../model/index.ts';
import { type Addr, isAddr, parseAddr } from '../net/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import type { TableReader } from '../table/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Intent } from './intent.ts';
import { tunnelOf } from './node-tunnel.ts';
import type { PodIdentities } from './pod-identities.ts';
import { podRangesOf } from './pod-ranges.ts';

export type PeerFollowerOptions = {
  readonly intent: Pick<Intent, 'pods' | 'nodes'>;
  readonly identities: PodIdentities;
  readonly repository: Pick<PolicyRepository, 'upsertIdentity'>;
  readonly book: AddressBook;
  readonly nodeName: string;
};

/** From who the pods are, and where nodes are, to policy's members and to whose each address elsewhere is. */
export class PeerFollower {
  readonly #o: PeerFollowerOptions;
  readonly #pods: TableReader<NamespacedName>;
  readonly #nodes: TableReader<NamespacedName>;
  readonly #identities: TableReader<NamespacedName>;

  constructor(options: PeerFollowerOptions) {
    this.#o = options;
    this.#pods = options.intent.pods.reader();
    this.#nodes = options.intent.nodes.reader();
    this.#identities = options.identities.rows.reader();
  }

  follow(): void {
    const { intent, identities, repository } = this.#o;
    const nodes = this.#nodes.drain();
    for (const name of nodes) this.#claimNode(name);
    if (nodes.size > 0) {
      const { rows } = intent.pods;
      this.#pods.touch(
        Array.from(rows).flatMap(([key, pod]) => (nodes.has(namespacedName({ name: pod.nodeName })) ? [key] : [])),
      );
    }
    const changed = this.#identities.drain();
    for (const key of changed) {
      const identity = identities.get(key);
      if (identity !== undefined) repository.upsertIdentity(identity);
    }
    this.#pods.touch(changed);
    for (const key of this.#pods.drain()) this.#claimPod(key);
  }

  #claimPod(key: NamespacedName): void {
    const { intent, identities, book, nodeName } = this.#o;
    const pod = intent.pods.get(key);
    const identity = identities.get(key);
    const owner = { kind: 'pod', key } as const;
    const isElsewhere = pod !== undefined && pod.nodeName !== '' && pod.nodeName !== nodeName;
    if (!isElsewhere || identity === undefined) book.release(owner);
    else book.claim(owner, this.#addressesOf(pod), identity.id, this.#tunnelOf(pod));
  }

  #tunnelOf(pod: PodRow): Addr | null {
    const node = this.#o.intent.nodes.get(namespacedName({ name: pod.nodeName }));
    return node === undefined ? null : tunnelOf(node);
  }

  /** A status that claims an address outside its node's range claims somebody else's (compare CVE-2022-28224). */
  #addressesOf(pod: PodRow): Addr[] {
    const node = this.#o.intent.nodes.get(namespacedName({ name: pod.nodeName }));
    if (node === undefined) return [];
    const ranges = podRangesOf(node);
    const addrs = pod.podIPs.filter(isAddr).map(parseAddr);
    return ranges.length === 0 ? addrs : addrs.filter((addr) => ranges.some((range) => range.contains(addr)));
  }

  #claimNode(name: NamespacedName): void {
    const { intent, book, nodeName } = this.#o;
    const node = intent.nodes.get(name);
    const owner = { kind: 'node', key: name } as const;
    if (node === undefined || name === nodeName) return book.release(owner);
    const identity = RESERVED_IDS[node.isApiServer ? 'kube-apiserver' : 'remote-node'];
    book.claim(owner, node.addresses.filter(isAddr).map(parseAddr), identity, tunnelOf(node));
  }
}
