import type { Addr } from '../../net/index.ts';
import { type EndpointValue, endpointValueCodec } from '../gen/codecs.ts';
import { type Codec, readAddr, writeAddr } from '../kernel/index.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';

export const addrCodec: Codec<Addr> = {
  size: 16,
  write: writeAddr,
  decode: (view, offset = 0) => readAddr(view, offset),
};

/** Local address -> who owns it. */
export type EndpointsMap = TypedMap<Addr, EndpointValue>;

export const endpointsCodecs: MapCodecs<Addr, EndpointValue> = { key: addrCodec, value: endpointValueCodec };

export function endpointsMap(maps: MapSet): EndpointsMap {
  return new KernelMap(maps.get('endpoints'), maps.spec('endpoints'), endpointsCodecs);
}
