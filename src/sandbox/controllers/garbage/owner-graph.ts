import type { KubeObject } from '../../apiserver/index.ts';

/** Where an object is, for as long as it is this very one. */
export type Place = { readonly resource: string; readonly namespace: string; readonly name: string };

/** Who names whom as an owner, by uid. */
export class OwnerGraph {
  readonly #places = new Map<string, Place>();
  readonly #dependents = new Map<string, Set<string>>();

  /** Of a version that is there, in place of the one before. */
  put(resource: string, object: KubeObject, previous: KubeObject | undefined): void {
    const { uid = '', namespace = '', name } = object.metadata;
    this.#places.set(uid, { resource, namespace, name });
    const owners = ownersOf(object);
    for (const owner of previous === undefined ? [] : ownersOf(previous)) {
      if (!owners.includes(owner)) this.#unlink(owner, uid);
    }
    for (const owner of owners) {
      const dependents = this.#dependents.get(owner) ?? new Set<string>();
      this.#dependents.set(owner, dependents.add(uid));
    }
  }

  remove(object: KubeObject): void {
    const { uid = '' } = object.metadata;
    this.#places.delete(uid);
    for (const owner of ownersOf(object)) this.#unlink(owner, uid);
  }

  placeOf(uid: string): Place | undefined {
    return this.#places.get(uid);
  }

  dependentsOf(uid: string): Place[] {
    return [...(this.#dependents.get(uid) ?? [])].flatMap((dependent) => this.#places.get(dependent) ?? []);
  }

  #unlink(owner: string, dependent: string): void {
    const dependents = this.#dependents.get(owner);
    if (dependents?.delete(dependent) === true && dependents.size === 0) this.#dependents.delete(owner);
  }
}

/** Uids of those that an object names as its owners. */
export function ownersOf(object: KubeObject): string[] {
  return (object.metadata.ownerReferences ?? []).map((reference) => reference.uid);
}
