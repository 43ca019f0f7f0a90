import type { KubeObject } from '../../apiserver/index.ts';
import { availableOf, isRolling, maxSurge, maxUnavailable, sum, wantedOf } from './spec.ts';

/** A set and the size that it is to have. */
export type Resize = { readonly set: KubeObject; readonly size: number };

/** How large the new set may be by now: with all of `sets` never more than wanted and surge together. */
export function newSetSize(deployment: KubeObject, sets: readonly KubeObject[], newSize: number): number {
  const wanted = wantedOf(deployment);
  if (!isRolling(deployment) || newSize > wanted) return wanted;
  const room = wanted + maxSurge(deployment) - sum(sets, wantedOf);
  return room <= 0 ? newSize : newSize + Math.min(room, wanted - newSize);
}

/**
 * Which old sets shrink by now: first by pods that serve nobody, then by as many as there are more available ones than
 * the strategy asks for. `oldSets`: those that have pods.
 */
export function shrinkOldSets(
  deployment: KubeObject,
  oldSets: readonly KubeObject[],
  newSet: KubeObject,
): readonly Resize[] {
  const minAvailable = wantedOf(deployment) - maxUnavailable(deployment);
  const newUnavailable = wantedOf(newSet) - availableOf(newSet);
  let left = sum([...oldSets, newSet], wantedOf) - minAvailable - newUnavailable;
  if (left <= 0) return [];
  const sizes = new Map(oldSets.toSorted(byAge).map((set) => [set, wantedOf(set)]));
  for (const [set, size] of sizes) {
    const useless = Math.min(left, Math.max(0, size - availableOf(set)));
    sizes.set(set, size - useless);
    left -= useless;
  }
  let spare = sum([...oldSets, newSet], availableOf) - minAvailable;
  for (const [set, size] of sizes) {
    const shrunk = Math.max(0, Math.min(spare, size));
    sizes.set(set, size - shrunk);
    spare -= shrunk;
  }
  return [...sizes].flatMap(([set, size]) => (size === wantedOf(set) ? [] : [{ set, size }]));
}

/** The oldest first. */
export function byAge(a: KubeObject, b: KubeObject): number {
  const [first = '', second = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return first.localeCompare(second) || a.metadata.name.localeCompare(b.metadata.name);
}
