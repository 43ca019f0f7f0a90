import { CT_FLAG } from '../../model/gen/enums.ts';
import { type Addr, addrFromBytes } from '../../net/index.ts';
import type { CtEntry } from '../gen/codecs.ts';
import { TICK_SECONDS } from './conntrack-map.ts';
import { isOutside } from './outside.ts';

/** What conntrack has of the way to one node. */
export type TunnelTraffic = {
  readonly connections: number;
  /** Nothing has come back yet. */
  readonly unanswered: number;
  /** Since the last packet of any of them. */
  readonly idleSeconds: number;
};

/** By the address of the node, of entries that are alive at `tick`. */
export function tunnelTraffic(entries: Iterable<CtEntry>, tick: number): Map<Addr, TunnelTraffic> {
  const traffic = new Map<Addr, TunnelTraffic>();
  for (const entry of entries) {
    const node = nodeOf(entry);
    if (node === undefined || entry.expires <= tick) continue;
    const { connections, unanswered, idleSeconds } = traffic.get(node) ?? NONE;
    const idle = Math.max(0, Math.round((tick - (entry.expires - entry.timeout)) * TICK_SECONDS));
    traffic.set(node, {
      connections: connections + 1,
      unanswered: unanswered + ((entry.flags & CT_FLAG.replied) === 0 ? 1 : 0),
      idleSeconds: Math.min(idleSeconds, idle),
    });
  }
  return traffic;
}

const NONE: TunnelTraffic = { connections: 0, unanswered: 0, idleSeconds: Number.POSITIVE_INFINITY };

/** The node that a side is reached by (bpf/lib/types.h: `way`). */
function nodeOf({ endpoint, way }: CtEntry): Addr | undefined {
  const side = isOutside(endpoint[0]) ? 0 : 1;
  if (way[side] === 0 || !isOutside(endpoint[side])) return undefined;
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, way[side], true);
  return addrFromBytes(bytes);
}
