import { type NamespacedName, namespacedName } from '../../base/index.ts';
import { type Intent, isRunAs } from '../../cluster/index.ts';
import { type Addr, parseAddr } from '../../net/index.ts';
import { type HostPortContext, type HostPortPod, hostPortOwner } from '../../service/index.ts';

export type LocalPod = {
  readonly namespace: string;
  readonly name: string;
  /** Undefined: the runtime does not say. */
  readonly uid: string | undefined;
  readonly addr: Addr;
};

export type HostPortPodsOptions = {
  readonly intent: Pick<Intent, 'pods'>;
  readonly nodeAddresses: () => readonly Addr[];
  /** Pods that are connected on this node, with the addresses that they have. */
  readonly localPods: () => Iterable<LocalPod>;
  /** Ports that no pod may have of the node. */
  readonly reservedHostPorts: HostPortContext['reserved'];
  /** Looks which places processes of the node have now. */
  readonly boundSockets: () => HostPortContext['isBound'];
};

export type ClaimingPod = HostPortPod & { readonly createdAt: string; readonly uid: string };

const LOOPBACK = parseAddr('127.0.0.1');

/** Pods of this node that want ports of it. An address is that of the connected pod, never what an object says. */
export class HostPortPods {
  readonly #o: HostPortPodsOptions;
  #pods: ReadonlyMap<NamespacedName, ClaimingPod> = new Map();
  #addresses = '';
  /** By owner: which of its places processes of the node have, as at the last look. */
  #taken: ReadonlyMap<NamespacedName, string> = new Map();

  constructor(options: HostPortPodsOptions) {
    this.#o = options;
  }

  /** By owner of their frontends. */
  get rows(): ReadonlyMap<NamespacedName, ClaimingPod> {
    return this.#pods;
  }

  /** Pods or addresses of the node may have changed: the owners that this concerns. */
  refresh(): Set<NamespacedName> {
    const before = this.#pods;
    this.#pods = this.#find();
    const addresses = this.#pods.size === 0 ? '' : this.#o.nodeAddresses().join();
    const hasMoved = addresses !== this.#addresses;
    this.#addresses = addresses;
    const changed = new Set<NamespacedName>();
    for (const owner of new Set([...before.keys(), ...this.#pods.keys()])) {
      const [old, now] = [before.get(owner), this.#pods.get(owner)];
      const isSame = old?.uid === now?.uid && old?.addr === now?.addr && old?.hostPorts === now?.hostPorts;
      if (hasMoved || !isSame) changed.add(owner);
    }
    return changed;
  }

  /** Owners of which a place went to a process of the node, or came back, since the last look. */
  takenOrFreed(): NamespacedName[] {
    if (this.#pods.size === 0) return [];
    const isBound = this.#o.boundSockets();
    const addresses = [...this.#o.nodeAddresses(), LOOPBACK];
    const before = this.#taken;
    this.#taken = new Map(
      Array.from(this.#pods, ([owner, { hostPorts }]) => {
        const places = hostPorts.flatMap(({ protocol, hostPort }) =>
          addresses.flatMap((addr) => (isBound(protocol, addr, hostPort) ? [`${protocol} ${addr} ${hostPort}`] : [])),
        );
        return [owner, places.join()];
      }),
    );
    return Array.from(this.#taken).flatMap(([owner, places]) => ((before.get(owner) ?? '') === places ? [] : [owner]));
  }

  /** The node's sockets are looked at only when one of these owners is a pod. */
  context(owners: ReadonlySet<NamespacedName>): HostPortContext {
    const { nodeAddresses, reservedHostPorts: reserved, boundSockets } = this.#o;
    const isAsked = Array.from(owners).some((owner) => this.#pods.has(owner));
    return { nodeAddresses: isAsked ? nodeAddresses() : [], reserved, isBound: isAsked ? boundSockets() : () => true };
  }

  #find(): Map<NamespacedName, ClaimingPod> {
    const found = new Map<NamespacedName, ClaimingPod>();
    for (const { namespace, name, uid, addr } of this.#o.localPods()) {
      const row = this.#o.intent.pods.get(namespacedName({ namespace, name }));
      if (row === undefined || row.hostPorts.length === 0 || !isRunAs(row, uid)) continue;
      // Whoever finished does not answer any more, and the scheduler gives its port to others.
      if (row.phase === 'Succeeded' || row.phase === 'Failed') continue;
      const { hostPorts, createdAt } = row;
      found.set(hostPortOwner(row), { namespace, name, uid: row.uid, addr, hostPorts, createdAt });
    }
    return found;
  }
}
