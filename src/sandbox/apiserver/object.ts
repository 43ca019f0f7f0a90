import type { JsonObject } from './json.ts';

/** Names an object whose end is this one's, too. */
export type OwnerReference = JsonObject & { apiVersion: string; kind: string; name: string; uid: string };

/** Metadata of a stored object. `uid`, `resourceVersion` and `creationTimestamp` are always there once it is stored. */
export type ObjectMeta = {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: { [key: string]: string };
  annotations?: { [key: string]: string };
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: JsonObject[];
  selfLink?: string;
};

/** A Kubernetes object in its JSON form: what is stored, listed and watched. Stored objects are frozen. */
export type KubeObject = JsonObject & { apiVersion: string; kind: string; metadata: ObjectMeta };

/** RFC 3339 with seconds, as the API's `metav1.Time` prints. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
