import type { KubeObject } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';
import type { EventType } from '../storage/stored.ts';

/** Names one object. `namespace` is absent for cluster-scoped resources. */
export type ObjectKey = { readonly namespace?: string | undefined; readonly name: string };

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** What is about to be stored. */
export type Written = {
  readonly definition: ResourceDefinition;
  readonly object: KubeObject;
  /** Undefined: it is new. */
  readonly old: KubeObject | undefined;
  readonly subresource: string | undefined;
  readonly dryRun: boolean;
};

export type WriteOptions = {
  /** Everything is checked and answered, nothing is stored. */
  readonly dryRun?: boolean | undefined;
  /** Who writes, as `metadata.managedFields` will name it. Absent: the write is not attributed. */
  readonly fieldManager?: string | undefined;
  /** What is done about members that the type does not have. Default Strict. */
  readonly fieldValidation?: FieldValidation | undefined;
  /** Duplicate members that the parser met, for strict decoding. */
  readonly duplicates?: readonly string[] | undefined;
  /** Server-side apply: take fields over from other managers. */
  readonly force?: boolean | undefined;
  /** Has the last word before an object is stored; throws ApiError. */
  readonly admit?: ((written: Written) => void) | undefined;
  /** Called for each warning that the client should see. */
  readonly warn?: ((message: string) => void) | undefined;
  /** `status` or another part of the object: that is written, and nothing else. */
  readonly subresource?: string | undefined;
};

/** What becomes of those that name the object as their owner. */
export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan';

export type DeleteOptions = {
  /** Default: the kind's. */
  readonly propagationPolicy?: PropagationPolicy | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly dryRun?: boolean | undefined;
  /** Has the last word before an object is deleted; throws ApiError. */
  readonly admit?: ((deleted: Omit<Written, 'object' | 'subresource'>) => void) | undefined;
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
};

export type SelectOptions = {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  /** In the query form, `a=b,c in (d,e)`. */
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
};

export type WatchOptions = SelectOptions & {
  /** Changes after this; absent: first an ADDED for each object that is there. */
  readonly resourceVersion?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type WatchEvent<T extends KubeObject = KubeObject> = { readonly type: EventType; readonly object: T };
