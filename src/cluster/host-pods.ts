import { type NamespacedName, namespacedName } from '../base/index.ts';
import type { NodeEndpointSlice } from '../model/index.ts';
import type { Addr } from '../net/index.ts';
import { FewByKey, type TableReader } from '../table/index.ts';
import type { Intent } from './intent.ts';

type Place = Pick<NodeEndpointSlice, 'node' | 'nodeUid'> & { readonly pod: NamespacedName };

/** Which pods are in the host networks of other nodes, as these tell: such a pod has the addresses of its node. */
export class HostPods {
  readonly #intent: Pick<Intent, 'nodes' | 'nodeSlices'>;
  readonly #reader: TableReader<NamespacedName>;
  readonly #toldBy = new Map<NamespacedName, readonly Place[]>();
  readonly #places = new FewByKey<NamespacedName, Place>();

  constructor(intent: Pick<Intent, 'nodes' | 'nodeSlices'>) {
    this.#intent = intent;
    this.#reader = intent.nodeSlices.reader();
  }

  /** True when there may be others. */
  follow(): boolean {
    let isOther = false;
    for (const slice of this.#reader.drain()) {
      const before = this.#toldBy.get(slice) ?? NOBODY;
      const after = placesIn(this.#intent.nodeSlices.get(slice));
      if (textOf(before) === textOf(after)) continue;
      for (const place of before) this.#places.delete(place.pod, place);
      for (const place of after) this.#places.add(place.pod, place);
      if (after.length === 0) this.#toldBy.delete(slice);
      else this.#toldBy.set(slice, after);
      isOther = true;
    }
    return isOther;
  }

  /** Is it in the host network of a node that has the address? */
  has(pod: NamespacedName, addr: Addr): boolean {
    return this.#places.of(pod).some(({ node, nodeUid }) => {
      const row = this.#intent.nodes.get(namespacedName({ name: node }));
      return row?.uid === nodeUid && row.addresses.includes(addr);
    });
  }
}

const NOBODY: readonly Place[] = [];

function placesIn(slice: NodeEndpointSlice | undefined): readonly Place[] {
  if (slice === undefined) return NOBODY;
  const { node, nodeUid, endpoints } = slice;
  const pods = endpoints.flatMap((endpoint) => (endpoint.own === undefined ? [namespacedName(endpoint)] : []));
  return pods.length === 0 ? NOBODY : pods.map((pod) => ({ pod, node, nodeUid }));
}

const textOf = (places: readonly Place[]): string => places.map(({ pod, nodeUid }) => `${pod} ${nodeUid}`).join();
