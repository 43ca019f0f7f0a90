import { type IdentityId, type IdentityObject, workloadKey } from '../model/index.ts';
import { probes } from './probes.ts';
import type { IdentityRange } from './reserved.ts';

/** Which numbers stand in front of others' on the way that leads to these: they must stay for as long as those do. */
export class PassedOver {
  readonly #range: IdentityRange;
  /** By object, of which a newer version is another one: few of them change from one time to the next. */
  readonly #before = new WeakMap<IdentityObject, readonly IdentityId[]>();

  constructor(range: IdentityRange) {
    this.#range = range;
  }

  of(objects: Iterable<IdentityObject>): ReadonlySet<IdentityId> {
    const passed = new Set<IdentityId>();
    for (const object of objects) for (const id of this.#inFrontOf(object)) passed.add(id);
    return passed;
  }

  #inFrontOf(object: IdentityObject): readonly IdentityId[] {
    const known = this.#before.get(object);
    if (known !== undefined) return known;
    const before = this.#probed(object);
    this.#before.set(object, before);
    return before;
  }

  #probed({ id, workload }: IdentityObject): readonly IdentityId[] {
    if (workload === undefined) return NONE;
    const before: IdentityId[] = [];
    for (const probe of probes(workloadKey(workload), this.#range)) {
      if (probe === id) return before.length === 0 ? NONE : before;
      before.push(probe);
    }
    // It stands where nobody looks for it.
    return NONE;
  }
}

const NONE: readonly IdentityId[] = [];
