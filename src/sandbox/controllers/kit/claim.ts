import { type ApiStore, type JsonObject, type KubeObject, selectorHolds } from '../../apiserver/index.ts';
import { controllerOf, controllerReference } from './owner.ts';

export type Claim = {
  readonly store: ApiStore;
  readonly owner: KubeObject;
  /** Of the dependents: `pods`, `replicasets`. */
  readonly resource: string;
  /** A `metav1.LabelSelector`. */
  readonly selector: JsonObject | undefined;
};

/**
 * The dependents of an owner: those that name it and match, and those that match and nobody keeps, which it adopts. One
 * that does not match any more is let go. An owner that is being deleted adopts nobody, and lets nobody go.
 */
export function claim({ store, owner, resource, selector }: Claim): KubeObject[] {
  const { namespace, uid, deletionTimestamp } = owner.metadata;
  return store.list(resource, { namespace }).items.flatMap((object) => {
    const keeper = controllerOf(object);
    const matches = selectorHolds(selector, object.metadata.labels);
    if (keeper !== undefined) {
      if (keeper.uid !== uid) return [];
      if (matches) return [object];
      if (deletionTimestamp === undefined) release(store, resource, object, owner);
      return [];
    }
    if (!matches || deletionTimestamp !== undefined || object.metadata.deletionTimestamp !== undefined) return [];
    return [adopt(store, resource, object, owner)];
  });
}

function adopt(store: ApiStore, resource: string, object: KubeObject, owner: KubeObject): KubeObject {
  const next = structuredClone(object);
  next.metadata.ownerReferences = [...(next.metadata.ownerReferences ?? []), controllerReference(owner)];
  return store.update(resource, next);
}

function release(store: ApiStore, resource: string, object: KubeObject, owner: KubeObject): void {
  const next = structuredClone(object);
  const left = (next.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid);
  if (left.length > 0) next.metadata.ownerReferences = left;
  else delete next.metadata.ownerReferences;
  store.update(resource, next);
}
