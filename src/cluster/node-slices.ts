import { isDeepStrictEqual } from 'node:util';
import { namespacedName } from '../base/index.ts';
import { type NodeEndpoint, type NodeEndpointSlice, nodeEndpointSliceName } from '../model/index.ts';

/** What one of a node's objects should say. */
export type SliceContent = Pick<NodeEndpointSlice, 'node' | 'slice' | 'nodeUid' | 'endpoints'>;

export type SlicePlan = {
  /** In this order: an address that goes from one slice to another is given up first. */
  readonly writes: readonly SliceContent[];
  readonly deletes: readonly NodeEndpointSlice[];
};

export type SlicePlanOptions = {
  readonly node: string;
  readonly nodeUid: string;
  /** All that is to be told, each pod once. */
  readonly endpoints: readonly NodeEndpoint[];
  /** What the API has of this node. */
  readonly shown: readonly NodeEndpointSlice[];
};

/**
 * A write goes to every node, whole: so few pods are in one. At 100 bytes each, and as many as nodes have on average, one
 * object is what most nodes need.
 */
export const SLICE_SIZE = 16;

/** What to write so that the API says what is so. A pod stays in its slice; a new one gets into the first with room. */
export function planSlices({ node, nodeUid, endpoints, shown }: SlicePlanOptions): SlicePlan {
  const wanted = new Map(endpoints.map((endpoint) => [namespacedName(endpoint), endpoint]));
  const slices = new Map<number, NodeEndpoint[]>();
  const inOrder = shown.toSorted((a, b) => a.slice - b.slice);
  for (const { slice, endpoints: told } of inOrder) {
    const kept = told.flatMap((endpoint) => {
      const key = namespacedName(endpoint);
      const found = wanted.get(key);
      wanted.delete(key);
      return found === undefined ? [] : [found];
    });
    slices.set(slice, kept);
  }
  let number = 0;
  for (const endpoint of wanted.values()) {
    while ((slices.get(number)?.length ?? 0) >= SLICE_SIZE) number += 1;
    const slice = slices.get(number);
    if (slice === undefined) slices.set(number, [endpoint]);
    else slice.push(endpoint);
  }
  const before = new Map(inOrder.map((row) => [row.slice, row]));
  const writes = Array.from(slices).flatMap(([slice, told]): SliceContent[] => {
    const content = { node, slice, nodeUid, endpoints: told };
    return told.length === 0 || isTold(before.get(slice), content) ? [] : [content];
  });
  const givesUp = ({ slice, endpoints: told }: SliceContent): boolean => {
    const left = new Set(addressesOf(told));
    return addressesOf(before.get(slice)?.endpoints ?? []).some((addr) => !left.has(addr));
  };
  return {
    writes: writes.toSorted((a, b) => Number(givesUp(b)) - Number(givesUp(a))),
    deletes: inOrder.filter(({ slice }) => slices.get(slice)?.length === 0),
  };
}

const addressesOf = (endpoints: readonly NodeEndpoint[]): string[] =>
  endpoints.flatMap(({ own }) => own?.addresses ?? []);

/** In every field, or what a later one says would be told only with something else. */
const isTold = (shown: NodeEndpointSlice | undefined, { nodeUid, endpoints }: SliceContent): boolean =>
  shown?.nodeUid === nodeUid && isDeepStrictEqual(shown.endpoints, endpoints);

/** Does the object of this name tell of the node? Names of nodes may have dots in them. */
export const isSliceOf = (name: string, node: string): boolean =>
  name.startsWith(`${node}.`) && nodeEndpointSliceName(node, Number(name.slice(node.length + 1))) === name;
