import { type FieldError } from '../../model/index.ts';
import type { Json, JsonObject } from './json.ts';
import type { KubeObject } from './object.ts';
import type { StructSchema } from './schema/dsl.ts';
import type { SelectableFields } from './selector/field-selector.ts';

/** A column of `kubectl get`. Priority 0 is always shown, 1 with `-o wide`. */
export type Column = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date' | 'boolean';
  readonly format?: 'name';
  readonly priority?: 0 | 1;
  readonly description: string;
  /** `now` in ms since the epoch. */
  value(object: KubeObject, now: number): Json;
};

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** How an object of one version becomes one of the stored version, and back. Both are given a copy. */
export type Conversion = {
  readonly fromStored: (object: KubeObject) => KubeObject;
  readonly toStored: (object: KubeObject) => KubeObject;
};

/** A part of an object that is written apart from the rest. */
export type ObjectPart = {
  /** The old object, a copy, with that part of the new one. */
  readonly take: (next: KubeObject, old: KubeObject) => KubeObject;
  readonly validate: (next: KubeObject, old: KubeObject) => FieldError[];
};

/**
 * Everything the server must know of a kind. Adding one to a group's list makes it stored, listed, watched, printed,
 * discovered and described in OpenAPI.
 */
export type ResourceDefinition = {
  /** `''` for the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, unique in the whole server: the name that in-process callers use. */
  readonly resource: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly schema: StructSchema;
  /** Not built into the server: a custom resource, or served as one. */
  readonly custom?: true;
  /** Served until a CustomResourceDefinition says what the kind is. */
  readonly isStandIn?: true;
  /** What OpenAPI v3 shows instead of it: the words of whoever defined the kind. */
  readonly publishedSchema?: JsonObject;
  /** Of a version that is not the stored one, or not always was. */
  readonly conversion?: Conversion;
  /** Default: all. */
  readonly verbs?: readonly Verb[];
  /** Has a `/status` that is written apart from the rest. */
  readonly status?: boolean;
  /** Further parts, by the name of their subresource. */
  readonly parts?: Readonly<Record<string, ObjectPart>>;
  /** `metadata.generation` counts changes of `spec`. */
  readonly generation?: boolean;
  /** What else counts as a change for `metadata.generation`. */
  readonly bumpsGeneration?: (next: KubeObject, old: KubeObject) => boolean;
  /** Has a `/scale`; gives the selector of the pods that are counted, in the query form. */
  readonly scaleSelector?: (object: KubeObject) => string;
  /** Where the numbers of `/scale` are. Default: `spec.replicas` and `status.replicas`. */
  readonly replicasPaths?: { readonly spec: readonly string[]; readonly status: readonly string[] };
  /** A deletion that does not say what becomes of dependents leaves them. Default: they go, too. */
  readonly orphansByDefault?: boolean;
  /** A deletion answers with the object instead of a `Status`. */
  readonly returnsDeleted?: boolean;
  /**
   * With `fieldValidation=Ignore` members that the type does not have are stored: the server then stands for a later one
   * that knows them. Default false.
   */
  readonly keepUnknown?: boolean;
  readonly nameFaults: (name: string) => string[];
  readonly selectableFields?: SelectableFields;
  readonly columns: readonly Column[];
  /** Fills in what a client left out. Called on every write, before validation. */
  readonly setDefaults?: (object: KubeObject) => void;
  /** Clears or sets what a client may not choose. */
  readonly prepareCreate?: (object: KubeObject) => void;
  readonly prepareUpdate?: (next: KubeObject, old: KubeObject) => void;
  readonly validate?: (object: KubeObject, old?: KubeObject) => FieldError[];
  readonly validateUpdate?: (next: KubeObject, old: KubeObject) => FieldError[];
  readonly validateStatus?: (next: KubeObject, old: KubeObject) => FieldError[];
  /** Shown to the client, not held against the object. */
  readonly warnings?: (object: KubeObject) => string[];
};

export function apiVersionOf(definition: { group: string; version: string }): string {
  return definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
}
