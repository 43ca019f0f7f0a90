import { isObject, type Json, type JsonObject } from '../json.ts';
import { badRequest } from '../status.ts';
import type { ListSchema, MapSchema, Schema, StructSchema } from './dsl.ts';

export type Decoded = {
  readonly object: JsonObject;
  /** Paths of members that the type does not have; they are left out of `object`. */
  readonly unknown: readonly string[];
};

export type DecodeOptions = {
  readonly version: string;
  readonly kind: string;
  /** Leaves what the type does not have where it is. Default false. */
  readonly keepUnknown?: boolean;
};

/** How many unknown fields are named before the rest is only pruned. */
const MAX_REPORTED = 100;
const INT32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const QUANTITY = /^[+-]?(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/;

/**
 * Reads a JSON value as a type: prunes what the type does not have, drops nulls and empty collections as Go's `omitempty`
 * does, and refuses values of a wrong kind with the message that Go's decoder gives.
 */
export function decode(
  schema: StructSchema,
  value: Json,
  { version, kind, keepUnknown = false }: DecodeOptions,
): Decoded {
  const unknown: string[] = [];
  const decoder: Decoder = {
    unknown,
    keepUnknown,
    prefix: `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: `,
  };
  if (!isObject(value))
    throw badRequest(`${decoder.prefix}json: cannot unmarshal ${kindOf(value)} into Go value of type v1.${kind}`);
  return { object: decodeStruct(decoder, schema, value, '', ''), unknown };
}

type Decoder = { readonly unknown: string[]; readonly keepUnknown: boolean; readonly prefix: string };
type Place = { readonly owner: string; readonly goPath: string; readonly path: string };

function kindOf(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
}

function goType(schema: Schema): string {
  switch (schema.type) {
    case 'list':
      return `[]${goType(schema.items)}`;
    case 'map':
      return `map[string]${goType(schema.values)}`;
    case 'struct':
      return `v1.${shortName(schema)}`;
    case 'boolean':
      return 'bool';
    case 'bytes':
      return '[]uint8';
    case 'double':
      return 'float64';
    default:
      return schema.type;
  }
}

export function shortName(schema: StructSchema): string {
  return schema.name.slice(schema.name.lastIndexOf('.') + 1);
}

function mismatch(decoder: Decoder, schema: Schema, value: Json, place: Place): never {
  const found = typeof value === 'number' && schema.type === 'int32' ? `number ${value}` : kindOf(value);
  throw badRequest(
    `${decoder.prefix}json: cannot unmarshal ${found} into Go struct field ${place.owner}.${place.goPath} of type ${goType(schema)}`,
  );
}

function decodeStruct(
  decoder: Decoder,
  schema: StructSchema,
  value: JsonObject,
  path: string,
  goPath: string,
): JsonObject {
  const out: JsonObject = {};
  for (const key of Object.keys(value)) {
    const childPath = path === '' ? key : `${path}.${key}`;
    const field = Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
    if (field === undefined) {
      if (decoder.unknown.length < MAX_REPORTED) decoder.unknown.push(childPath);
      if (decoder.keepUnknown) out[key] = value[key] ?? null;
      continue;
    }
    const member = value[key];
    if (member === undefined || member === null) continue;
    const place = { owner: shortName(schema), goPath: goPath === '' ? key : `${goPath}.${key}`, path: childPath };
    const decoded = decodeValue(decoder, field, member, place);
    if (!isOmitted(field, decoded)) out[key] = decoded;
  }
  return out;
}

function isOmitted(schema: Schema, value: Json): boolean {
  if (schema.type === 'list') return schema.keepEmpty !== true && Array.isArray(value) && value.length === 0;
  return schema.type === 'map' && schema.keepEmpty !== true && isObject(value) && Object.keys(value).length === 0;
}

function decodeList(decoder: Decoder, schema: ListSchema, value: Json[], place: Place): Json[] {
  return value.map((item, index) => {
    const here = { ...place, path: `${place.path}[${index}]` };
    if (item === null) return zero(schema.items);
    return decodeValue(decoder, schema.items, item, here);
  });
}

function zero(schema: Schema): Json {
  if (schema.type === 'struct' || schema.type === 'map') return {};
  if (schema.type === 'list') return [];
  if (schema.type === 'boolean') return false;
  return schema.type === 'int32' || schema.type === 'int64' || schema.type === 'double' ? 0 : '';
}

function decodeMap(decoder: Decoder, schema: MapSchema, value: JsonObject, place: Place): JsonObject {
  const out: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    out[key] =
      member === null
        ? zero(schema.values)
        : decodeValue(decoder, schema.values, member, { ...place, path: `${place.path}.${key}` });
  }
  return out;
}

function decodeValue(decoder: Decoder, schema: Schema, value: Json, place: Place): Json {
  const wrong = (): never => mismatch(decoder, schema, value, place);
  switch (schema.type) {
    case 'any':
      return value;
    case 'struct':
      return isObject(value) ? decodeStruct(decoder, schema, value, place.path, place.goPath) : wrong();
    case 'list':
      return Array.isArray(value) ? decodeList(decoder, schema, value, place) : wrong();
    case 'map':
      return isObject(value) ? decodeMap(decoder, schema, value, place) : wrong();
    case 'string':
      return typeof value === 'string' ? value : wrong();
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong();
    case 'double':
      return typeof value === 'number' ? value : wrong();
    case 'int32':
      return typeof value === 'number' && Number.isInteger(value) && value >= INT32.min && value <= INT32.max
        ? value
        : wrong();
    case 'int64':
      return typeof value === 'number' && Number.isInteger(value) ? value : wrong();
    case 'intOrString':
      if (typeof value === 'string') return value;
      return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= INT32.max ? value : wrong();
    case 'bytes':
      if (typeof value !== 'string') return wrong();
      if (!isBase64(value)) throw badRequest(`${decoder.prefix}illegal base64 data in ${place.path}`);
      return value;
    case 'time':
    case 'microTime':
      if (typeof value !== 'string') return wrong();
      if (value === '') return value;
      if (!RFC3339.test(value) || Number.isNaN(Date.parse(value))) {
        throw badRequest(
          `${decoder.prefix}parsing time ${JSON.stringify(value.slice(0, 64))} as "2006-01-02T15:04:05Z07:00" in ${place.path}`,
        );
      }
      return value;
    case 'quantity': {
      const text = typeof value === 'number' ? String(value) : value;
      if (typeof text !== 'string') return wrong();
      if (!QUANTITY.test(text)) {
        throw badRequest(
          `${decoder.prefix}quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' in ${place.path}`,
        );
      }
      return text;
    }
  }
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/\r\n]*={0,2}$/.test(text);
}
