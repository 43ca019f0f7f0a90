import { equal, isObject, type Json, type JsonObject } from '../json.ts';
import type { ListSchema, Schema } from '../schema/dsl.ts';
import { badRequest } from '../status.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const ORDER_PREFIX = '$setElementOrder/';
const DELETE_PREFIX = '$deleteFromPrimitiveList/';

/**
 * Kubernetes' strategic merge patch: like a merge patch, but lists that have a merge key are merged by it, and directives
 * (`$patch`, `$retainKeys`, `$setElementOrder/x`, `$deleteFromPrimitiveList/x`) say more. Gives a new value.
 */
export function applyStrategicMerge(target: JsonObject, patch: Json, schema: Schema | undefined): JsonObject {
  if (!isObject(patch)) throw badRequest('error decoding patch: a strategic merge patch is an object');
  return mergeObject(target, patch, schema);
}

function memberSchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema?.type === 'struct') return Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
  return schema?.type === 'map' ? schema.values : undefined;
}

function mergeObject(target: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'replace') return stripped(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest(`unable to apply patch: unknown ${DIRECTIVE} directive ${JSON.stringify(directive).slice(0, 64)}`);
  }
  const out: JsonObject = { ...target };
  const retained = patch[RETAIN_KEYS];
  if (Array.isArray(retained)) {
    for (const key of Object.keys(out)) if (!retained.includes(key)) delete out[key];
  }
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || key === DIRECTIVE || key === RETAIN_KEYS || key.startsWith(ORDER_PREFIX)) continue;
    if (key.startsWith(DELETE_PREFIX)) {
      const name = key.slice(DELETE_PREFIX.length);
      const list = out[name];
      if (Array.isArray(list) && Array.isArray(value))
        out[name] = list.filter((item) => !value.some((v) => equal(v, item)));
    } else if (value === null) delete out[key];
    else out[key] = mergeValue(out[key], value, memberSchema(schema, key), patch[`${ORDER_PREFIX}${key}`]);
  }
  reorderUntouched(out, patch, schema);
  return out;
}

/** An order may be given for a list of which no element changes. */
function reorderUntouched(out: JsonObject, patch: JsonObject, schema: Schema | undefined): void {
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ORDER_PREFIX) || !Array.isArray(order)) continue;
    const name = key.slice(ORDER_PREFIX.length);
    const list = out[name];
    const member = memberSchema(schema, name);
    if (patch[name] !== undefined || !Array.isArray(list) || member?.type !== 'list') continue;
    out[name] = inOrder(list, list, order, member.mergeKey ?? '');
  }
}

function mergeValue(target: Json | undefined, patch: Json, schema: Schema | undefined, order: Json | undefined): Json {
  if (isObject(patch)) return mergeObject(isObject(target) ? target : {}, patch, schema);
  if (!Array.isArray(patch)) return patch;
  if (schema?.type !== 'list' || schema.mergeKey === undefined) return patch.map(strippedValue);
  return mergeList(Array.isArray(target) ? target : [], patch, schema, Array.isArray(order) ? order : undefined);
}

function mergeList(target: Json[], patch: Json[], schema: ListSchema, order: Json[] | undefined): Json[] {
  const key = schema.mergeKey ?? '';
  if (key === '') {
    const merged = [...target, ...patch.filter((item) => !target.some((t) => equal(t, item)))];
    return order === undefined ? merged : inOrder(merged, target, order, key);
  }
  if (patch.some((item) => isObject(item) && item[DIRECTIVE] === 'replace')) {
    return patch.filter((item) => !(isObject(item) && item[DIRECTIVE] === 'replace')).map(strippedValue);
  }
  let out = [...target];
  for (const item of patch) {
    if (!isObject(item))
      throw badRequest(`unable to apply patch: an element of a list merged by ${key} is not an object`);
    const id = item[key];
    if (id === undefined) {
      throw badRequest(`unable to apply patch: an element does not contain the declared merge key: ${key}`);
    }
    const index = out.findIndex((existing) => isObject(existing) && equal(existing[key], id));
    if (item[DIRECTIVE] === 'delete') out = out.filter((existing) => !(isObject(existing) && equal(existing[key], id)));
    else if (index < 0) out.push(stripped(item));
    else out[index] = mergeObject(out[index] as JsonObject, item, schema.items);
  }
  return order === undefined ? out : inOrder(out, target, order, key);
}

function identity(item: Json | undefined, key: string): Json | undefined {
  return key !== '' && isObject(item) ? item[key] : item;
}

/**
 * Sorts the elements that `order` names as it names them. The others keep their place relative to the elements that stood
 * beside them in `before`.
 */
function inOrder(items: Json[], before: Json[], order: Json[], key: string): Json[] {
  const rank = (item: Json): number => order.findIndex((o) => equal(identity(o, key), identity(item, key)));
  const oldPlace = (item: Json): number => before.findIndex((b) => equal(identity(b, key), identity(item, key)));
  const named = items.filter((item) => rank(item) >= 0).toSorted((a, b) => rank(a) - rank(b));
  const others = items.filter((item) => rank(item) < 0);
  const out: Json[] = [];
  for (const item of named) {
    const place = oldPlace(item);
    while (others[0] !== undefined && place >= 0 && oldPlace(others[0]) < place) out.push(others.shift() ?? null);
    out.push(item);
  }
  return [...out, ...others];
}

/** A part of a patch that becomes a value: without directives and nulls. */
function stripped(patch: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === undefined || value === null || key === DIRECTIVE || key === RETAIN_KEYS) continue;
    if (key.startsWith(ORDER_PREFIX) || key.startsWith(DELETE_PREFIX)) continue;
    out[key] = strippedValue(value);
  }
  return out;
}

function strippedValue(value: Json): Json {
  if (Array.isArray(value)) return value.filter((v) => !(isObject(v) && v[DIRECTIVE] === 'delete')).map(strippedValue);
  return isObject(value) ? stripped(value) : value;
}
