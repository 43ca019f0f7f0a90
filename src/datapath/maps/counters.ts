import { DIRECTION_NAMES, type Direction, DROP_REASON_NAMES, type DropReason } from '../../model/gen/enums.ts';
import type { EndpointId } from '../../model/index.ts';
import { counterCodec, dropCounterCodec, dropKeyCodec, eventStateCodec } from '../gen/codecs.ts';
import { enumName } from '../kernel/index.ts';
import type { MapSet } from './map-set.ts';
import { PerCpuMap } from './per-cpu-map.ts';
import { u32Codec } from './scalar-codecs.ts';

/** Numbers, not bigints: exact up to 9 * 10^15. */
export type Traffic = { readonly packets: number; readonly bytes: number };

export type ReasonCounter = Traffic & {
  /** `none`: forwarded. */
  readonly reason: DropReason;
  /** Seen from the pod. */
  readonly direction: Direction;
};

export type EndpointDrop = ReasonCounter & { readonly endpoint: EndpointId };

export type EventLoss = {
  /** Events that found the ring full. */
  readonly lost: number;
  /** Events above their endpoint's share. */
  readonly suppressed: number;
  /** Events above what a tenant may tell. */
  readonly beyond: number;
};

function sum(values: readonly { readonly packets: bigint; readonly bytes: bigint }[]): Traffic {
  const total = { packets: 0n, bytes: 0n };
  for (const value of values) {
    total.packets += value.packets;
    total.bytes += value.bytes;
  }
  return { packets: Number(total.packets), bytes: Number(total.bytes) };
}

/** What was forwarded (reason `none`) and dropped since the maps were created; without rows of zero. */
export async function readCounters(maps: MapSet): Promise<ReasonCounter[]> {
  const map = new PerCpuMap(maps.get('counters'), maps.spec('counters'), { key: u32Codec, value: counterCodec });
  return (await map.entries()).flatMap(([index, values]) => {
    // Numbers are never reused: one may be nobody's.
    const reason = DROP_REASON_NAMES[index >> 1];
    const traffic = sum(values);
    if (reason === undefined || traffic.packets === 0) return [];
    return [{ reason, direction: enumName(DIRECTION_NAMES, index & 1), ...traffic }];
  });
}

/** Drops by endpoint; endpoint 0 stands for the node's own devices and processes. */
export async function readDrops(maps: MapSet): Promise<EndpointDrop[]> {
  const map = new PerCpuMap(maps.get('drops'), maps.spec('drops'), { key: dropKeyCodec, value: dropCounterCodec });
  return (await map.entries()).map(([key, values]) => ({ ...key, ...sum(values) }));
}

/** Events that are in no record. Exact, since the maps were created. */
export function readEventLoss(maps: MapSet): EventLoss {
  const map = new PerCpuMap(maps.get('event_state'), maps.spec('event_state'), {
    key: u32Codec,
    value: eventStateCodec,
  });
  const states = map.get(0) ?? [];
  const total = (field: keyof EventLoss): number => states.reduce((all, s) => all + Number(s[field]), 0);
  return { lost: total('lost'), suppressed: total('suppressed'), beyond: total('beyond') };
}
