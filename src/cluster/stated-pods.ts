import { isDeepStrictEqual } from 'node:util';
import { type NamespacedName, namespacedName } from '../base/index.ts';
import type { NodeEndpoint, NodeEndpointSlice } from '../model/index.ts';

/** A pod that a node tells of. One object as long as the node says the same of it. */
export type StatedPod = {
  readonly pod: NamespacedName;
  readonly node: string;
  /** Of the Node object that is told for. */
  readonly nodeUid: string;
  /** The object that tells it. */
  readonly slice: NamespacedName;
  /** Undefined: it is in the network of its node. */
  readonly own: NodeEndpoint['own'];
};

/** What a slice tells; the pods of `before` of which it tells what it told then are the same objects. */
export function statedPods(
  slice: NamespacedName,
  { node, nodeUid, endpoints }: Pick<NodeEndpointSlice, 'node' | 'nodeUid' | 'endpoints'>,
  before: readonly StatedPod[] = [],
): readonly StatedPod[] {
  const known = new Map(before.map((stated) => [stated.pod, stated]));
  return endpoints.map((endpoint): StatedPod => {
    const pod = namespacedName(endpoint);
    const found = known.get(pod);
    if (found?.nodeUid === nodeUid && isDeepStrictEqual(found.own, endpoint.own)) return found;
    return { pod, node, nodeUid, slice, own: endpoint.own };
  });
}
