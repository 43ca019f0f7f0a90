import type { EndpointId } from '../../model/index.ts';
import { snatKeyCodec, snatValueCodec } from '../gen/codecs.ts';
import { KernelMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { u32Codec } from './scalar-codecs.ts';

/** Who of this node's pods has how much of what a node has. */
export type Holders = {
  /** Connections that it opened and that are not gone. */
  readonly connections: (endpoint: EndpointId) => number;
  /** Ports of the node, of all pods that have some. */
  readonly ports: () => Promise<ReadonlyMap<EndpointId, number>>;
};

export function kernelHolders(maps: MapSet): Holders {
  const usage = new KernelMap(maps.get('ct_usage'), maps.spec('ct_usage'), { key: u32Codec, value: u32Codec });
  const codecs = { key: snatKeyCodec, value: snatValueCodec };
  const titles = new KernelMap(maps.get('snat'), maps.spec('snat'), codecs);
  return {
    connections: (endpoint) => usage.get(endpoint) ?? 0,
    ports: async () => {
      const counts = new Map<EndpointId, number>();
      for (const [, { endpoint }] of await titles.entries()) counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
      return counts;
    },
  };
}
