import type { IdentityId, IdentityObject, IdentityReceipt, Workload } from '../model/index.ts';
import type { CollectedStore } from './collection.ts';
import type { IdentityStore } from './placement.ts';

export type Step = () => Promise<unknown>;

/**
 * Objects as an API server keeps them. `step` comes before each request takes effect and before each answer arrives;
 * `fails` says of each request whether it gets lost on its way there or on its way back.
 */
export class StoredObjects implements IdentityStore, CollectedStore {
  readonly byId = new Map<IdentityId, IdentityObject>();
  /** By node. */
  readonly heard = new Map<string, number>();
  /** Everything that happened to objects, for those who watch. */
  readonly events: { readonly type: 'put' | 'delete'; readonly object: IdentityObject }[] = [];
  readonly #step: Step;
  readonly #fails: () => 'there' | 'back' | undefined;

  constructor(step: Step = async () => undefined, fails: () => 'there' | 'back' | undefined = () => undefined) {
    this.#step = step;
    this.#fails = fails;
  }

  readonly create = async (id: IdentityId, workload: Workload): Promise<boolean> =>
    await this.request(() => {
      if (this.byId.has(id)) return false;
      this.put(id, { workload });
      return true;
    });
  readonly get = async (id: IdentityId): Promise<IdentityObject | undefined> =>
    await this.request(() => this.byId.get(id));
  readonly keep = async (object: IdentityObject): Promise<boolean> =>
    await this.request(() => this.#isNow(object) && this.put(object.id, { ...object, retiring: false }) !== undefined);
  readonly retire = async (object: IdentityObject): Promise<boolean> =>
    await this.request(() => this.#isNow(object) && this.put(object.id, { ...object, retiring: true }) !== undefined);
  readonly remove = async (object: IdentityObject): Promise<boolean> =>
    await this.request(() => this.#isNow(object) && this.delete(object.id));
  readonly receipts = async (): Promise<IdentityReceipt[]> =>
    await this.request(() => Array.from(this.heard, ([name, heard]) => ({ uid: '', namespace: '', name, heard })));

  put(id: IdentityId, parts: Pick<IdentityObject, 'workload'> & Partial<IdentityObject>): IdentityObject {
    const resourceVersion = String(this.events.length + 1);
    const uid = this.byId.get(id)?.uid ?? `uid-${resourceVersion}`;
    const object = { namespace: '', name: String(id), retiring: false, ...parts, uid, id, resourceVersion };
    this.byId.set(id, object);
    this.events.push({ type: 'put', object });
    return object;
  }

  delete(id: IdentityId): boolean {
    const object = this.byId.get(id);
    if (object === undefined) return false;
    this.events.push({ type: 'delete', object });
    return this.byId.delete(id);
  }

  /** `effect` is one request, which takes effect once, at one moment. */
  async request<T>(effect: () => T): Promise<T> {
    await this.#step();
    const failure = this.#fails();
    if (failure === 'there') throw new Error('unreachable');
    const answer = effect();
    await this.#step();
    if (failure === 'back') throw new Error('the answer was lost');
    return answer;
  }

  #isNow({ id, resourceVersion }: IdentityObject): boolean {
    return this.byId.get(id)?.resourceVersion === resourceVersion;
  }
}

/** What a watch of these objects has brought by now: everything that happened, in its order, but later. */
export class WatchedObjects {
  readonly rows = new Map<string, IdentityObject>();
  readonly #store: StoredObjects;
  #next = 0;

  constructor(store: StoredObjects) {
    this.#store = store;
  }

  /** The next ones, at most so many. */
  hear(most = Number.POSITIVE_INFINITY): { upserts: IdentityObject[]; deletes: IdentityObject[] } {
    const upserts = new Map<string, IdentityObject>();
    const deletes = new Map<string, IdentityObject>();
    for (const { type, object } of this.#store.events.slice(this.#next, this.#next + most)) {
      upserts.delete(object.name);
      if (type === 'put') upserts.set(object.name, object);
      else deletes.set(object.name, object);
      if (type === 'put') this.rows.set(object.name, object);
      else this.rows.delete(object.name);
    }
    this.#next = Math.min(this.#next + most, this.#store.events.length);
    return { upserts: [...upserts.values()], deletes: [...deletes.values()] };
  }
}
