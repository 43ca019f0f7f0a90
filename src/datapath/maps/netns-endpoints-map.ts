import { type NetnsEndpoint, netnsEndpointCodec } from '../gen/codecs.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { u64Codec } from './scalar-codecs.ts';

/** Cookie of a pod's network namespace -> its endpoint. */
export type NetnsEndpointsMap = TypedMap<bigint, NetnsEndpoint>;

export const netnsEndpointsCodecs: MapCodecs<bigint, NetnsEndpoint> = { key: u64Codec, value: netnsEndpointCodec };

export function netnsEndpointsMap(maps: MapSet): NetnsEndpointsMap {
  return new KernelMap(maps.get('netns_endpoints'), maps.spec('netns_endpoints'), netnsEndpointsCodecs);
}
