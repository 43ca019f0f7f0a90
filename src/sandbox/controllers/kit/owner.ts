import { type NamespacedName, namespacedName } from '../../../base/index.ts';
import type { KubeObject, OwnerReference } from '../../apiserver/index.ts';

/** The reference by which a dependent names the one who keeps it. */
export function controllerReference({ apiVersion, kind, metadata: { name, uid = '' } }: KubeObject): OwnerReference {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Who keeps an object: at most one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference['controller'] === true);
}

/** The name of the keeper if it is of this kind (and of any version of its group). */
export function keeperOf(object: KubeObject, of: { readonly kind: string; readonly group: string }): NamespacedName[] {
  const reference = controllerOf(object);
  if (reference === undefined || reference.kind !== of.kind) return [];
  const { apiVersion, name } = reference;
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  if (group !== of.group) return [];
  return [namespacedName({ namespace: object.metadata.namespace, name })];
}
