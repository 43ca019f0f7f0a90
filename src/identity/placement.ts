import { type IdentityId, type IdentityObject, type Workload, workloadKey } from '../model/index.ts';
import { identityErrors } from './errors.ts';
import { probes } from './probes.ts';
import { CLUSTER_RANGE, type IdentityRange } from './reserved.ts';

/**
 * The objects that say who a number stands for, where all nodes see them. Each call is one request: it takes effect once, at
 * one moment, or throws, and then nobody knows whether it did.
 */
export type IdentityStore = {
  /** False: there is one of this number. */
  readonly create: (id: IdentityId, workload: Workload) => Promise<boolean>;
  /** As it is at this moment, not from a cache. */
  readonly get: (id: IdentityId) => Promise<IdentityObject | undefined>;
  /** Takes back that it is to be deleted. False: it is another by now, or gone. */
  readonly keep: (object: IdentityObject) => Promise<boolean>;
};

/** Deletions and other placements come between; more often than that nobody is unlucky. */
const MOST_ATTEMPTS = 20;

/**
 * The number of a workload, the same for whoever asks, however many do at once: the first of its probes that no other
 * workload has. Nobody coordinates that. Two workloads never have one number, because that is the name of one object.
 * One workload never has two: of whoever stands behind others all of these are there, since nothing is deleted over which
 * somebody's probes pass (ADR 19). Whoever needs an object that is to be deleted, for himself or to pass over it, takes
 * that back; and whoever placed one behind others looks at these again, because one may have been deleted by somebody who
 * did not see the new object yet. What then stands in the wrong place means nothing to anybody, and is collected. E_IDENTITY_EXHAUSTED, E_IDENTITY_CONTENDED, and what the store throws; then it may simply be tried again.
 */
export async function placeIdentity(
  workload: Workload,
  store: IdentityStore,
  range: IdentityRange = CLUSTER_RANGE,
): Promise<IdentityId> {
  const key = workloadKey(workload);
  for (let attempts = 0; attempts < MOST_ATTEMPTS; attempts += 1) {
    const id = await attempt({ workload, key, store, range });
    if (id !== undefined) return id;
  }
  throw identityErrors.make('E_IDENTITY_CONTENDED', {
    detail: `a pod of namespace ${JSON.stringify(workload.namespace)}`,
  });
}

type Placing = {
  readonly workload: Workload;
  readonly key: string;
  readonly store: IdentityStore;
  readonly range: IdentityRange;
};

/** Undefined: something changed on the way, and what was seen before says nothing any more. */
async function attempt(placing: Placing): Promise<IdentityId | undefined> {
  const { workload, key, store, range } = placing;
  const passed: IdentityId[] = [];
  for (const id of probes(key, range)) {
    let isOwn = await store.create(id, workload);
    if (!isOwn) {
      const found = await store.get(id);
      if (found === undefined) return undefined;
      isOwn = isOf(found, key);
      if (found.retiring && !(await store.keep(found))) return undefined;
    }
    if (isOwn) return (await areOthers(passed, placing)) ? id : undefined;
    passed.push(id);
  }
  throw identityErrors.make('E_IDENTITY_EXHAUSTED', {
    detail: `${passed.length} numbers were tried for a pod of namespace ${JSON.stringify(workload.namespace)}`,
  });
}

async function areOthers(ids: readonly IdentityId[], { store, key }: Placing): Promise<boolean> {
  const found = await Promise.all(ids.map(async (id) => await store.get(id)));
  return found.every((object) => object !== undefined && !object.retiring && !isOf(object, key));
}

/** Of one that cannot be read nobody knows whose it is: not ours. */
export function isOf({ workload }: Pick<IdentityObject, 'workload'>, key: string): boolean {
  return workload !== undefined && workloadKey(workload) === key;
}
