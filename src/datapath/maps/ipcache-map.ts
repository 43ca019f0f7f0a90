import { Prefix } from '../../net/index.ts';
import { type IpcacheValue, ipcacheValueCodec } from '../gen/codecs.ts';
import { MAP_SPECS } from '../gen/layout.ts';
import { type Codec, readAddr, writeAddr } from '../kernel/index.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';

/** Prefix -> identity. `get` answers with the longest prefix that covers the key. */
export type IpcacheMap = TypedMap<Prefix, IpcacheValue>;

/** IPv4 is kept as ::ffff:0:0/96. */
const IPV4_BITS = 96;

/** struct ipcache_key, with the prefix length counted from the first bit behind the length field. */
const prefixCodec: Codec<Prefix> = {
  size: MAP_SPECS.ipcache.keySize,
  write(view, offset, prefix) {
    view.setUint32(offset, prefix.length + (prefix.family === 4 ? IPV4_BITS : 0), true);
    writeAddr(view, offset + 4, prefix.network);
  },
  decode(view, offset = 0) {
    const length = view.getUint32(offset, true);
    // A hundred thousand rows are read again and again, nearly all of them IPv4: without a way by text.
    const mapped = view.getUint32(offset + 12) === 0xffff && view.getBigUint64(offset + 4) === 0n;
    if (mapped && length >= IPV4_BITS)
      return Prefix.ofValue(4, BigInt(view.getUint32(offset + 16)), length - IPV4_BITS);
    return Prefix.of(readAddr(view, offset + 4), length);
  },
};

export const ipcacheCodecs: MapCodecs<Prefix, IpcacheValue> = { key: prefixCodec, value: ipcacheValueCodec };

export function ipcacheMap(maps: MapSet): IpcacheMap {
  return new KernelMap(maps.get('ipcache'), maps.spec('ipcache'), ipcacheCodecs);
}
