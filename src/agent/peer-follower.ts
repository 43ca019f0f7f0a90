import { errorMessage, isMembraneError, type Logger } from '../base/index.ts';
import { type AddressBook, RESERVED_IDS } from '../identity/index.ts';
import type { NodeRow, PodRow } from '../model/index.ts';
import { type Addr, isAddr, Prefix, parseAddr } from '../net/index.ts';
import type { PolicyRepository } from '../policy/index.ts';
import type { Intent } from './intent.ts';
import { isWorkload, type PodIdentities } from './pod-identities.ts';

export type PeerFollowerOptions = {
  readonly intent: Intent;
  readonly identities: PodIdentities;
  readonly repository: PolicyRepository;
  readonly book: AddressBook;
  readonly nodeName: string;
  /** A pod that is closed for want of an identity; said once for each reason. */
  readonly onStarved?: (pod: PodRow, problem: string) => void;
  readonly log: Logger;
};

/** Follows pods, namespaces and nodes: who has which identity, and which remote address belongs to whom. */
export class PeerFollower {
  readonly #options: PeerFollowerOptions;
  /** Pods that could not be given an identity, and why; tried again with every pass. */
  #starved = new Map<string, string>();

  constructor(options: PeerFollowerOptions) {
    this.#options = options;
  }

  get starved(): ReadonlyMap<string, string> {
    return this.#starved;
  }

  follow(): void {
    const { intent, repository, identities } = this.#options;
    this.#touchPodsOf(intent.namespaces.drain(), (pod, names) => names.has(pod.namespace));
    const nodes = intent.nodes.drain();
    for (const name of nodes) this.#claimNode(name, intent.nodes.get(name));
    this.#touchPodsOf(nodes, (pod, names) => names.has(pod.nodeName));
    const keys = identities.select(repository.selectedLabelKeys());
    this.#touchPodsOf(keys, (pod, changed) => Object.keys(pod.labels).some((key) => changed.has(key)));
    const before = this.#starved;
    intent.pods.touch(before.keys());
    this.#starved = new Map();
    for (const key of intent.pods.drain()) this.#followPod(key, intent.pods.get(key), before.get(key));
  }

  #touchPodsOf(names: ReadonlySet<string>, concerns: (pod: PodRow, names: ReadonlySet<string>) => boolean): void {
    if (names.size === 0) return;
    const { pods } = this.#options.intent;
    pods.touch(Array.from(pods.rows).flatMap(([key, pod]) => (concerns(pod, names) ? [key] : [])));
  }

  #followPod(key: string, pod: PodRow | undefined, saidBefore: string | undefined): void {
    const { intent, identities, repository, book, nodeName } = this.#options;
    const namespace = pod === undefined ? undefined : intent.namespaces.get(pod.namespace);
    try {
      const { before, after } = identities.update(key, pod, namespace);
      if (after !== undefined && after !== before) repository.upsertIdentity(after);
    } catch (error) {
      // Without a number of its own it must not go on under the one it had, which may be the one it gets.
      const had = identities.get(key) !== undefined;
      identities.update(key, undefined, undefined);
      if (had) return this.#followPod(key, pod, saidBefore);
      const problem = errorMessage(error);
      this.#starved.set(key, problem);
      if (problem !== saidBefore && !isMembraneError(error, 'E_IDENTITY_RESTING')) {
        this.#options.log.error({ pod: key, error: problem }, 'pod has no identity');
        if (pod !== undefined) this.#options.onStarved?.(pod, problem);
      }
    }
    const identity = identities.get(key);
    const remote = pod !== undefined && identity !== undefined && pod.nodeName !== '' && pod.nodeName !== nodeName;
    if (!remote) book.claim(`pod ${key}`, []);
    else book.claim(`pod ${key}`, this.#addressesOf(pod), { kind: 'pod', identity: identity.id });
  }

  /** A status that claims an address outside its node's range claims somebody else's (compare CVE-2022-28224). */
  #addressesOf(pod: PodRow): Addr[] {
    const node = this.#options.intent.nodes.get(pod.nodeName);
    if (node === undefined || !isWorkload(pod)) return [];
    const ranges = node.podCIDRs.flatMap(prefixOf);
    const addrs = pod.podIPs.filter(isAddr).map(parseAddr);
    return ranges.length === 0 ? addrs : addrs.filter((addr) => ranges.some((range) => range.contains(addr)));
  }

  #claimNode(name: string, node: NodeRow | undefined): void {
    const { book, nodeName } = this.#options;
    const owner = `node ${name}`;
    if (node === undefined || name === nodeName) {
      book.claim(owner, []);
      return;
    }
    const identity = RESERVED_IDS[node.isApiServer ? 'kube-apiserver' : 'remote-node'];
    book.claim(owner, node.addresses.filter(isAddr).map(parseAddr), { kind: 'node', identity });
  }
}

function prefixOf(text: string): Prefix[] {
  try {
    return [Prefix.parse(text, { hostBits: 'clear' })];
  } catch {
    return [];
  }
}
