import type { Logger } from '../../base/index.ts';
import { sandboxErrors } from '../errors.ts';
import type { Kubelet } from '../kubelet/index.ts';
import { addNode, type Cgroup, type NodePlace, nodePlace, removeNode } from '../machine/index.ts';
import type { ApiAccess } from './api-access.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Holds } from './holds.ts';
import { SandboxNode } from './sandbox-node.ts';
import type { SandboxOptions } from './sandbox-options.ts';

export type ClusterNodesOptions = {
  readonly plane: ControlPlane;
  readonly access: ApiAccess;
  /** Above the nodes' own. */
  readonly cgroup: Cgroup;
  readonly holds: Holds;
  readonly sandbox: SandboxOptions;
  readonly log: Logger;
};

/** The nodes of a cluster; they may come and go while it is up. */
export class ClusterNodes {
  readonly #o: ClusterNodesOptions;
  readonly #nodes = new Map<string, SandboxNode>();

  /** `places`: whose network is there already. */
  constructor(options: ClusterNodesOptions, places: readonly NodePlace[]) {
    this.#o = options;
    for (const place of places) this.#make(place);
  }

  get places(): readonly NodePlace[] {
    return Array.from(this.#nodes.values(), ({ place }) => place);
  }

  get kubelets(): readonly Kubelet[] {
    return Array.from(this.#nodes.values(), ({ kubelet }) => kubelet);
  }

  /** Throws E_SANDBOX_NODES. */
  get(name: string): SandboxNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw sandboxErrors.make('E_SANDBOX_NODES', { detail: `there is no node ${name}` });
    return node;
  }

  async start(): Promise<void> {
    await Promise.all(Array.from(this.#nodes.values(), (node) => this.#startOne(node)));
  }

  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#nodes.values(), (node) => node.stop()));
  }

  /** One more, with the next number. Resolves when it starts, which is before it is ready. */
  async join(): Promise<NodePlace> {
    const place = nodePlace(Math.max(...this.places.map(({ index }) => index)) + 1);
    await addNode(place);
    await this.#o.access.openNode(place);
    await this.#startOne(this.#make(place));
    return place;
  }

  /** As when a machine is switched off for good and `kubectl delete node` is said. */
  async remove(name: string): Promise<void> {
    const node = this.get(name);
    const { kubelet, place } = node;
    const namespaces = kubelet.podNamespaces;
    await node.stop();
    this.#nodes.delete(name);
    await removeNode(place, { namespaces, log: this.#o.log });
    this.#o.plane.store.delete('nodes', { name });
  }

  #make(place: NodePlace): SandboxNode {
    const { plane, cgroup, holds, sandbox, log } = this.#o;
    const node = new SandboxNode({ place, plane, cgroup: cgroup.child(place.name), holds, sandbox, log });
    this.#nodes.set(place.name, node);
    return node;
  }

  async #startOne(node: SandboxNode): Promise<void> {
    const { access, sandbox } = this.#o;
    await node.start((sandbox.agent ?? true) ? access : undefined);
  }
}
