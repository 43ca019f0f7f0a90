import type { z } from 'zod';
import type { ObjectRow } from '../../model/index.ts';

/** Of everything that Membrane itself defines (deploy/crds). */
export const MEMBRANE_GROUP = 'membrane.io/v1alpha1';

/** Where objects of a kind are, and what we keep of each. */
export type Resource<T extends ObjectRow> = {
  readonly kind: string;
  /** `/api/v1` or `/apis/networking.k8s.io/v1`. */
  readonly groupPath: string;
  /** `pods`. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** From the object as the server sends it to the row that is kept. Throws (zod) on an object that makes no sense. */
  readonly parse: (object: unknown) => T;
  /**
   * What becomes of the row of an object of which a newer version cannot be read. `forget` closes: nobody goes on as what
   * he may not be any more. `keep` where it is the forgetting that would open.
   */
  readonly unreadable: 'forget' | 'keep';
};

/** A resource whose row is the output of a schema. Unknown fields vanish: that is the trimming. */
export function defineResource<T extends ObjectRow>(
  spec: Omit<Resource<T>, 'parse'> & { readonly schema: z.ZodType<T> },
): Resource<T> {
  const { schema, ...rest } = spec;
  return { ...rest, parse: (object) => schema.parse(object) };
}

/** Where objects of a kind are. */
export type Collection = Pick<Resource<ObjectRow>, 'groupPath' | 'plural' | 'namespaced'>;

/** The collection's path, of one namespace or of all. */
export function collectionPath(resource: Collection, namespace = ''): string {
  return resource.namespaced && namespace !== ''
    ? `${resource.groupPath}/namespaces/${encodeURIComponent(namespace)}/${resource.plural}`
    : `${resource.groupPath}/${resource.plural}`;
}

/** One object's path. */
export function objectPath(resource: Resource<ObjectRow>, namespace: string, name: string): string {
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
}
