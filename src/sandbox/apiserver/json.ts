import { isObject, type Json, type JsonObject, objectAt } from '../../base/index.ts';

export { at, isObject, type Json, type JsonObject, listAt, numberAt, objectAt, stringAt } from '../../base/index.ts';

/** A map of strings at a path (labels, annotations); empty when it is missing. */
export function stringMapAt(value: Json | undefined, ...path: (string | number)[]): Record<string, string> {
  const found = objectAt(value, ...path);
  if (found === undefined) return {};
  return Object.fromEntries(Object.entries(found).filter((e): e is [string, string] => typeof e[1] === 'string'));
}

/** The object at `key`, created when missing. */
export function ensureObject(parent: JsonObject, key: string): JsonObject {
  const found = parent[key];
  if (isObject(found)) return found;
  const made: JsonObject = {};
  parent[key] = made;
  return made;
}

/** Sets `key` when it is absent or an empty string, as Go's zero values make defaulting do. */
export function setDefault(parent: JsonObject, key: string, value: Json): void {
  const found = parent[key];
  if (found === undefined || found === null || found === '') parent[key] = value;
}

export function clone<T extends Json | undefined>(value: T): T {
  return structuredClone(value);
}

/** Equality of JSON values; absent and `undefined` members are the same, the order of members does not matter. */
export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  if (keys.length !== Object.keys(b).filter((key) => b[key] !== undefined).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
}
