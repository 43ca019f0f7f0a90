/** The agents of other nodes, as far as this one can tell: they have their pods numbered, and tell of them. */

import { type NamespacedName, namespacedName } from '../base/index.ts';
import type { ClusterNumbers, LabelRule } from '../identity/index.ts';
import {
  type NodeEndpoint,
  type NodeEndpointSlice,
  nodeEndpointSliceName,
  type PodIdentity,
  type PodRow,
} from '../model/index.ts';
import { isAddr, parseAddr } from '../net/index.ts';
import type { SelectedLabel } from '../policy/index.ts';
import { type ReadonlyTable, Table } from '../table/index.ts';
import type { Intent } from './intent.ts';
import { PodIdentities } from './pod-identities.ts';
import type { Meeting } from './told-labels.ts';

export type OtherNodesOptions = {
  readonly intent: Pick<Intent, 'namespaces' | 'nodes' | 'nodeSlices'>;
  readonly allocator: Pick<ClusterNumbers, 'follow' | 'acquire' | 'release' | 'expire' | 'settle'>;
  readonly cluster?: string;
  readonly rules?: readonly LabelRule[];
  readonly selected: ReadonlyTable<SelectedLabel>;
};

export class OtherNodes {
  readonly pods = new Table<PodRow, NamespacedName>(namespacedName);
  readonly #o: OtherNodesOptions;
  readonly #identities: PodIdentities;
  readonly #told = new Map<string, string>();

  constructor(options: OtherNodesOptions) {
    this.#o = options;
    const { intent, allocator, cluster = 'default', rules, selected } = options;
    const { namespaces } = intent;
    this.#identities = new PodIdentities({
      intent: { pods: this.pods, namespaces },
      allocator,
      cluster,
      rules,
      selected,
    });
  }

  /** Tells what is so now, where it is not what was told before. */
  follow(meeting?: Meeting): void {
    const { intent, allocator } = this.#o;
    this.#identities.follow(meeting);
    allocator.expire();
    allocator.settle();
    const told = Map.groupBy(this.pods.rows.values(), ({ nodeName }) => nodeName);
    for (const node of new Set([...told.keys(), ...this.#told.keys()])) {
      const nodeUid = intent.nodes.get(namespacedName({ name: node }))?.uid ?? '';
      const endpoints = (told.get(node) ?? []).flatMap((pod) => this.#endpointOf(pod));
      const text = JSON.stringify([nodeUid, endpoints]);
      if (this.#told.get(node) === text) continue;
      this.#told.set(node, text);
      intent.nodeSlices.set(nodeSlice(node, endpoints, { nodeUid }));
    }
  }

  identityOf(pod: NamespacedName): PodIdentity | undefined {
    return this.#identities.get(pod);
  }

  #endpointOf(pod: PodRow): NodeEndpoint[] {
    const { namespace, name } = pod;
    if (pod.hostNetwork) return [{ namespace, name, own: undefined }];
    const identity = this.#identities.get(namespacedName(pod));
    const addresses = pod.podIPs.filter(isAddr).map(parseAddr);
    if (identity === undefined || addresses.length === 0) return [];
    return [{ namespace, name, own: { identity: identity.id, addresses } }];
  }
}

/** Slice 0 of a node unless it says otherwise. */
export function nodeSlice(
  node: string,
  endpoints: readonly NodeEndpoint[],
  change: Partial<NodeEndpointSlice> = {},
): NodeEndpointSlice {
  const { slice = 0 } = change;
  const name = nodeEndpointSliceName(node, slice);
  const nodeUid = `uid-${node}`;
  return { uid: `uid-${name}`, namespace: '', name, node, slice, nodeUid, resourceVersion: '1', endpoints, ...change };
}
