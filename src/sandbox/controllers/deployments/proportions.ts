import { type KubeObject, numberAt } from '../../apiserver/index.ts';
import { byAge, type Resize } from './rolling-update.ts';
import { maxSurge, wantedOf } from './spec.ts';

/**
 * A deployment that is scaled in the middle of a rollout grows or shrinks in all its sets, each by its share, so that a
 * new version that may be bad does not get all of what is added. `maxReplicasOf`: what the deployment might have had when
 * the set was last sized.
 */
export function proportionalSizes(
  deployment: KubeObject,
  sets: readonly KubeObject[],
  maxReplicasOf: (set: KubeObject) => number | undefined,
): readonly Resize[] {
  const wanted = wantedOf(deployment);
  const most = wanted === 0 ? 0 : wanted + maxSurge(deployment);
  const toAdd = most - sets.reduce((total, set) => total + wantedOf(set), 0);
  if (toAdd === 0) return sets.map((set) => ({ set, size: wantedOf(set) }));
  // The largest first; of equals the newest where it grows, the oldest where it shrinks.
  const ordered = sets.toSorted((a, b) => wantedOf(b) - wantedOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  let added = 0;
  const sizes = ordered.map((set): Resize => {
    const share = shareOf(deployment, set, most, maxReplicasOf(set));
    const left = toAdd - added;
    const change = left === 0 ? 0 : toAdd > 0 ? Math.min(share, left) : Math.max(share, left);
    added += change;
    return { set, size: wantedOf(set) + change };
  });
  return sizes.map(({ set, size }, index) => ({
    set,
    size: index === 0 ? Math.max(0, size + toAdd - added) : size,
  }));
}

function shareOf(deployment: KubeObject, set: KubeObject, most: number, before: number | undefined): number {
  const size = wantedOf(set);
  if (most === 0) return -size;
  const base = before || (numberAt(deployment, 'status', 'replicas') ?? 0) || 1;
  return Math.round((size * most) / base) - size;
}
