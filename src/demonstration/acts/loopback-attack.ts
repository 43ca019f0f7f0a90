import type { Mac } from '../../net/index.ts';
import type { Party } from '../frames/index.ts';
import type { DropCounts, FrameSource, Place, Stage } from '../stage/index.ts';
import type { Seat } from '../tools/index.ts';
import type { LoopbackServers } from './loopback-servers.ts';

/** Bound to the node's 127.0.0.1. The first becomes a node port after it was bound. */
export const PORTS = { nodePort: 30_877, plain: 8001 } as const;
export const LOOPBACK = '127.0.0.1';
export const CLAIM = 'what is bound to 127.0.0.1 of the node is reached by processes of the node only';
export const LOCALNET = 'net/ipv4/conf/all/route_localnet';

/** Who attacks, from where, and by which device his packets come first. */
export type Attacker = Party & {
  readonly name: 'pod' | 'neighbour';
  readonly netns: string;
  /** With nothing but CAP_NET_RAW. */
  readonly seat: Seat;
  readonly nextHop: Mac;
  readonly source: FrameSource;
  /** Whose drop counters those are. */
  readonly where: string;
};

export type LoopbackAttack = {
  readonly stage: Stage;
  readonly servers: LoopbackServers;
  readonly places: readonly Place[];
  readonly other: Party;
};

/** Drops as loopback-address when there are no others, else 0. */
export function onlyLoopback(drops: DropCounts): number {
  return Object.keys(drops).length === 1 ? (drops['loopback-address'] ?? 0) : 0;
}
