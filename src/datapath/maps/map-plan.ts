import type { MapName } from '../gen/layout.ts';
import { GATES, type MapKind, mapKind } from './map-kinds.ts';

/** How a pinned map compares with the one that is wanted. `absent`: also one of another layout. */
export type Found = 'same' | 'resized' | 'absent';

/** `share`: the very same map goes on. `copy`: a new one with what the old one holds. `fresh`: a new, empty one. */
export type MapStep = 'share' | 'copy' | 'fresh';

export type MapPlan = {
  readonly steps: ReadonlyMap<MapName, MapStep>;
  /** What the agent writes is lost or cannot be read: it is written anew before anything runs on it. */
  readonly isRebuilt: boolean;
  /** Connections that are open now are not known to the new maps. */
  readonly losesConnections: boolean;
};

/** What becomes of each map; undefined when all are as they should be. */
export function planMaps(found: ReadonlyMap<MapName, Found>): MapPlan | undefined {
  if (found.values().every((state) => state === 'same')) return undefined;
  const lost = (kind: MapKind): boolean =>
    found.entries().some(([name, state]) => mapKind(name) === kind && state === 'absent');
  const isRebuilt = lost('desired');
  const losesConnections = lost('connections');
  const fresh: Readonly<Record<MapKind, boolean>> = {
    desired: isRebuilt,
    connections: losesConnections,
    apart: false,
    programs: true,
  };
  const steps = new Map<MapName, MapStep>();
  for (const [name, state] of found) {
    const isFresh = fresh[mapKind(name)] || state === 'absent';
    const isShared = state === 'same' && !GATES.some((gate) => gate === name);
    steps.set(name, isFresh ? 'fresh' : isShared ? 'share' : 'copy');
  }
  return { steps, isRebuilt, losesConnections };
}
