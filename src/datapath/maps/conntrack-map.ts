import { CT_FLAG, type CtFlag } from '../../model/gen/enums.ts';
import { TICK_BITS } from '../../model/gen/numbers.ts';
import { type EndpointId, endpointId, type IdentityId } from '../../model/index.ts';
import type { Addr } from '../../net/index.ts';
import { type CtEntry, type CtKey, ctEntryCodec, ctKeyCodec } from '../gen/codecs.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';
import { isOutside } from './outside.ts';

export type ConntrackMap = TypedMap<CtKey, CtEntry>;

export const conntrackCodecs: MapCodecs<CtKey, CtEntry> = { key: ctKeyCodec, value: ctEntryCodec };

export function conntrackMap(maps: MapSet): ConntrackMap {
  return new KernelMap(maps.get('conntrack'), maps.spec('conntrack'), conntrackCodecs);
}

export type ConnectionEnd = {
  readonly addr: Addr;
  /** ICMP: the id of the query. */
  readonly port: number;
  readonly identity: IdentityId;
  /** 0: not a local pod. */
  readonly endpoint: EndpointId;
};

/** One connection as a user sees it. */
export type Connection = {
  readonly protocol: number;
  /** Who opened it. */
  readonly source: ConnectionEnd;
  readonly destination: ConnectionEnd;
  readonly flags: readonly CtFlag[];
  /** Seconds until the entry is dead; below 0 it waits for the collector. */
  readonly expiresIn: number;
  /** Source port on the node's address; 0: not translated. */
  readonly natPort: number;
};

export const TICK_SECONDS = 2 ** TICK_BITS / 1e9;

/** The clock of conntrack. */
export function monotonicTick(now: bigint = process.hrtime.bigint()): number {
  return Number(now >> BigInt(TICK_BITS));
}

export function connectionOf(key: CtKey, entry: CtEntry, tick: number): Connection {
  const end = (side: 0 | 1): ConnectionEnd => ({
    addr: key.addr[side],
    port: key.port[side],
    identity: entry.identity[side],
    endpoint: isOutside(entry.endpoint[side]) ? endpointId(0) : entry.endpoint[side],
  });
  const opener = entry.opener === 0 ? 0 : 1;
  return {
    protocol: key.protocol,
    source: end(opener),
    destination: end(opener === 0 ? 1 : 0),
    flags: (Object.keys(CT_FLAG) as CtFlag[]).filter((flag) => (entry.flags & CT_FLAG[flag]) !== 0),
    expiresIn: Math.round((entry.expires - tick) * TICK_SECONDS),
    natPort: entry.natPort,
  };
}
