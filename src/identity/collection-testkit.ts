import { type IdentityId, type IdentityObject, workloadKey } from '../model/index.ts';
import type { IdentityStore } from './placement.ts';
import { probes } from './probes.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';

/** What deletes needs more of the store; see `IdentityStore`. */
export type CollectedStore = Pick<IdentityStore, 'keep' | 'remove'> & {
  /** All, as they are at this moment. */
  readonly list: () => Promise<readonly IdentityObject[]>;
  /** Says that it is to be deleted; undefined: it is another by now, or gone. */
  readonly retire: (object: IdentityObject) => Promise<IdentityObject | undefined>;
};

export type CollectionOptions = {
  readonly store: CollectedStore;
  /** Numbers that somebody has, as it is known after `store.list` was asked; those not to be touched for other reasons, too. */
  readonly used: () => Promise<ReadonlySet<IdentityId>>;
  /**
   * Longer than anybody takes from seeing that a number is not to be deleted to being among `used`. In that time whoever
   * has it, or comes to need it, takes the mark back.
   */
  readonly grace: () => Promise<void>;
  readonly range?: IdentityRange;
};

/**
 * What placing must stand, and what is to collect numbers that several nodes had. Deletes those that nobody has: marks them first, and after a grace those that are still marked by the same mark, that
 * nobody uses, and over which no other workload's probes pass. A delete is of the very version that was looked at,
 * so several of these may run at once. Returns what it deleted.
 */
export async function collectIdentities(options: CollectionOptions): Promise<readonly IdentityId[]> {
  const { store, used, grace, range = CLUSTER_RANGE } = options;
  const before = await store.list();
  const kept = await used();
  const passedBefore = passedOver(before, range);
  const marked = new Map<IdentityId, string>();
  for (const object of before) {
    if (kept.has(object.id) || passedBefore.has(object.id) || object.workload === undefined) continue;
    const retired = object.retiring ? object : await store.retire(object);
    if (retired !== undefined) marked.set(retired.id, retired.resourceVersion);
  }
  if (marked.size === 0) return [];
  await grace();
  const now = await store.list();
  const usedNow = await used();
  const passed = passedOver(now, range);
  const deleted: IdentityId[] = [];
  for (const object of now) {
    if (marked.get(object.id) !== object.resourceVersion) continue;
    if (usedNow.has(object.id) || passed.has(object.id)) await store.keep(object);
    else if (await store.remove(object)) deleted.push(object.id);
  }
  return deleted;
}

/** Numbers that stand in front of somebody on his way to his own. */
function passedOver(objects: readonly IdentityObject[], range: IdentityRange): ReadonlySet<IdentityId> {
  const passed = new Set<IdentityId>();
  for (const { id, workload } of objects) {
    if (workload === undefined) continue;
    const before: IdentityId[] = [];
    for (const probe of probes(workloadKey(workload), range)) {
      if (probe === id) {
        for (const each of before) passed.add(each);
        break;
      }
      before.push(probe);
    }
  }
  return passed;
}
