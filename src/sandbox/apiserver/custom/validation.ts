import { duplicate, type FieldError, invalid, notSupported, required, tooLong, tooMany } from '../../../model/index.ts';
import { equal, isObject, type Json, type JsonObject, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import { validateRules } from './cel.ts';
import type { JsonSchema } from './structural.ts';

/** How many faults are told of before the rest is not looked for. */
const MAX_FAULTS = 50;

/** What a value has against its schema. `old`: what stood there before. */
export function validateBySchema(value: Json, schema: JsonSchema, field: string, old?: Json): FieldError[] {
  // A value of another type has no members to look at.
  const wrong = typeFaultOf(value, schema, field);
  if (wrong !== undefined) return [wrong];
  if (value === null) return [];
  const errors = [...ownFaults(value, schema, field)];
  errors.push(...memberFaults(value, schema, field, old));
  if (errors.length === 0) errors.push(...validateRules(value, schema, field, old));
  return errors.slice(0, MAX_FAULTS);
}

function typeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function fits(value: Json, type: string): boolean {
  const own = typeOf(value);
  return own === type || (type === 'number' && own === 'integer');
}

function typeFaultOf(value: Json, schema: JsonSchema, field: string): FieldError | undefined {
  const type = stringAt(schema, 'type');
  if (value === null) return schema['nullable'] === true ? undefined : typeFault(field, value, type ?? 'any');
  if (schema['x-kubernetes-int-or-string'] === true) {
    return typeof value === 'string' || typeOf(value) === 'integer'
      ? undefined
      : typeFault(field, value, 'integer,string');
  }
  return type === undefined || fits(value, type) ? undefined : typeFault(field, value, type);
}

function* ownFaults(value: Json, schema: JsonSchema, field: string): Iterable<FieldError> {
  const values = listAt(schema, 'enum');
  if (values.length > 0 && !values.some((allowed) => equal(allowed, value))) {
    yield notSupported(
      field,
      typeof value === 'string' ? value : JSON.stringify(value),
      values.map((allowed) => (typeof allowed === 'string' ? allowed : JSON.stringify(allowed))),
    );
  }
  if (typeof value === 'string') yield* stringFaults(value, schema, field);
  if (typeof value === 'number') yield* numberFaults(value, schema, field);
  if (Array.isArray(value)) yield* listFaults(value, schema, field);
  yield* combinedFaults(value, schema, field);
}

function typeFault(field: string, value: Json, type: string): FieldError {
  const shown = typeOf(value);
  return invalid(field, shown, `${field} in body must be of type ${type}: ${JSON.stringify(shown)}`);
}

function* stringFaults(value: string, schema: JsonSchema, field: string): Iterable<FieldError> {
  const max = numberAt(schema, 'maxLength');
  const min = numberAt(schema, 'minLength');
  const pattern = stringAt(schema, 'pattern');
  const { length } = Array.from(value);
  if (max !== undefined && length > max) yield tooLong(field, max);
  if (min !== undefined && length < min) {
    yield invalid(field, value, `${field} in body should be at least ${min} chars long`);
  }
  if (pattern !== undefined && !matches(pattern, value)) {
    yield invalid(field, value, `${field} in body should match '${pattern}'`);
  }
}

/** A pattern that this program cannot read holds nobody up: the definition was told of it. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true;
  }
}

function* numberFaults(value: number, schema: JsonSchema, field: string): Iterable<FieldError> {
  const max = numberAt(schema, 'maximum');
  const min = numberAt(schema, 'minimum');
  const factor = numberAt(schema, 'multipleOf');
  if (max !== undefined && (schema['exclusiveMaximum'] === true ? value >= max : value > max)) {
    const word = schema['exclusiveMaximum'] === true ? 'less than' : 'less than or equal to';
    yield invalid(field, value, `${field} in body should be ${word} ${max}`);
  }
  if (min !== undefined && (schema['exclusiveMinimum'] === true ? value <= min : value < min)) {
    const word = schema['exclusiveMinimum'] === true ? 'greater than' : 'greater than or equal to';
    yield invalid(field, value, `${field} in body should be ${word} ${min}`);
  }
  if (factor !== undefined && value % factor !== 0) {
    yield invalid(field, value, `${field} in body should be a multiple of ${factor}`);
  }
}

function* listFaults(value: readonly Json[], schema: JsonSchema, field: string): Iterable<FieldError> {
  const max = numberAt(schema, 'maxItems');
  const min = numberAt(schema, 'minItems');
  if (max !== undefined && value.length > max) yield tooMany(field, value.length, max);
  if (min !== undefined && value.length < min) {
    yield invalid(field, value.length, `${field} in body should have at least ${min} items`);
  }
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return;
  const keys = listAt(schema, 'x-kubernetes-list-map-keys').map(String);
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const key = JSON.stringify(type === 'set' ? item : keys.map((name) => (isObject(item) ? item[name] : null)));
    if (seen.has(key)) yield duplicate(`${field}[${index}]`, key);
    seen.add(key);
  }
}

function* combinedFaults(value: Json, schema: JsonSchema, field: string): Iterable<FieldError> {
  const holds = (part: Json): boolean => isObject(part) && validateBySchema(value, part, field).length === 0;
  for (const part of listAt(schema, 'allOf')) if (isObject(part)) yield* validateBySchema(value, part, field);
  const anyOf = listAt(schema, 'anyOf');
  if (anyOf.length > 0 && !anyOf.some(holds)) {
    yield invalid(field, shownIn(value), `${field} in body must validate at least one schema (anyOf)`);
  }
  const oneOf = listAt(schema, 'oneOf');
  if (oneOf.length > 0 && oneOf.filter(holds).length !== 1) {
    yield invalid(field, shownIn(value), `${field} in body must validate one and only one schema (oneOf)`);
  }
  const not = objectAt(schema, 'not');
  if (not !== undefined && holds(not)) {
    yield invalid(field, shownIn(value), `${field} in body must not validate the schema (not)`);
  }
}

const shownIn = (value: Json): string => JSON.stringify(value).slice(0, 200);

function memberFaults(value: Json, schema: JsonSchema, field: string, old: Json | undefined): FieldError[] {
  if (Array.isArray(value)) {
    const items = objectAt(schema, 'items');
    if (items === undefined) return [];
    return value.flatMap((item, index) =>
      validateBySchema(item, items, `${field}[${index}]`, oldItem(schema, item, index, old)),
    );
  }
  if (!isObject(value)) return [];
  const properties = objectAt(schema, 'properties') ?? {};
  const missing = listAt(schema, 'required')
    .filter((key) => typeof key === 'string')
    .filter((key) => value[key] === undefined)
    .map((key) => required(pathTo(field, key)));
  const counts = propertyCountFaults(value, schema, field);
  const members = Object.entries(value).flatMap(([key, member]) => {
    const part = properties[key] ?? schema['additionalProperties'];
    if (member === undefined || !isObject(part)) return [];
    return validateBySchema(member, part, pathTo(field, key), isObject(old) ? old[key] : undefined);
  });
  return [...missing, ...counts, ...members];
}

function propertyCountFaults(value: JsonObject, schema: JsonSchema, field: string): FieldError[] {
  const count = Object.keys(value).length;
  const max = numberAt(schema, 'maxProperties');
  const min = numberAt(schema, 'minProperties');
  if (max !== undefined && count > max) return [tooMany(field, count, max)];
  if (min === undefined || count >= min) return [];
  return [invalid(field, count, `${field} in body should have at least ${min} properties`)];
}

/** Elements are the same ones by their keys; those of a plain list have no past. */
function oldItem(schema: JsonSchema, item: Json, index: number, old: Json | undefined): Json | undefined {
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map') return undefined;
  const keys = listAt(schema, 'x-kubernetes-list-map-keys').map(String);
  const keyOf = (of: Json | undefined): string => JSON.stringify(keys.map((key) => (isObject(of) ? of[key] : index)));
  return old.find((candidate) => keyOf(candidate) === keyOf(item));
}

const pathTo = (field: string, key: string): string => (field === '' ? key : `${field}.${key}`);
