/**
 * The shape of the API's types, in the one form from which decoding, strategic merge, server-side apply and OpenAPI are
 * derived. Field names, merge keys and list types are those of the published Kubernetes API.
 */
export type ScalarType =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  /** base64 text. */
  | 'bytes'
  /** RFC 3339. */
  | 'time'
  | 'microTime'
  /** `100m`, `1Gi`; a number is accepted and kept as text. */
  | 'quantity'
  | 'intOrString'
  /** Anything, kept as it is. */
  | 'any';

export type ScalarSchema = { readonly type: ScalarType };
export type ListSchema = {
  readonly type: 'list';
  readonly items: Schema;
  /** Strategic merge: elements with the same value of this field are merged. `''`: merged as a set of scalars. */
  readonly mergeKey?: string;
  /** Server-side apply. Default atomic. */
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly mapKeys?: readonly string[];
  /** Kept in the output although empty: Go's field has no `omitempty`. */
  readonly keepEmpty?: boolean;
};
export type MapSchema = {
  readonly type: 'map';
  readonly values: Schema;
  /** As of a list. */
  readonly keepEmpty?: boolean;
};
export type StructSchema = {
  readonly type: 'struct';
  /** OpenAPI definition name, e.g. `io.k8s.api.core.v1.Pod`. */
  readonly name: string;
  readonly fields: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  /** Server-side apply owns it as a whole. */
  readonly atomic?: boolean;
  /** Strategic merge drops the fields that the patch does not name (unions such as a deployment's strategy, volumes). */
  readonly retainKeys?: boolean;
};
export type Schema = ScalarSchema | ListSchema | MapSchema | StructSchema;

export const string: ScalarSchema = { type: 'string' };
export const boolean: ScalarSchema = { type: 'boolean' };
export const int32: ScalarSchema = { type: 'int32' };
export const int64: ScalarSchema = { type: 'int64' };
export const bytes: ScalarSchema = { type: 'bytes' };
export const time: ScalarSchema = { type: 'time' };
export const microTime: ScalarSchema = { type: 'microTime' };
export const quantity: ScalarSchema = { type: 'quantity' };
export const intOrString: ScalarSchema = { type: 'intOrString' };
export const any: ScalarSchema = { type: 'any' };

type StructOptions = Pick<StructSchema, 'required' | 'atomic' | 'retainKeys'>;

export function struct(name: string, fields: Record<string, Schema>, options: StructOptions = {}): StructSchema {
  return { type: 'struct', name, fields, ...options };
}

export function list(items: Schema, options: Omit<ListSchema, 'type' | 'items'> = {}): ListSchema {
  return { type: 'list', items, ...options };
}

/** A list that strategic merge and server-side apply merge by the same single key. */
export function listBy(key: string, items: Schema): ListSchema {
  return { type: 'list', items, mergeKey: key, listType: 'map', mapKeys: [key] };
}

export function map(values: Schema = string): MapSchema {
  return { type: 'map', values };
}

/** Many fields of one type. */
export function fields(type: Schema, ...names: string[]): Record<string, Schema> {
  return Object.fromEntries(names.map((name) => [name, type]));
}

export const strings: ListSchema = list(string);
