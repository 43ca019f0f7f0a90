import { equal, isObject, type Json, type JsonObject } from '../json.ts';
import type { ListSchema, Schema } from '../schema/dsl.ts';

/**
 * Paths of fields, as `metadata.managedFields` keeps them. A step is `f:name` (a member), `k:{"name":"x"}` (a list element by
 * its keys) or `v:"x"` (an element of a set). Paths are kept flat, steps joined by NUL, so that set arithmetic is that of `Set`.
 */
export type FieldSet = ReadonlySet<string>;

const SEPARATOR = '\0';
/** Managed by the server: nobody owns them. */
const UNOWNED_METADATA = new Set([
  'name',
  'namespace',
  'generateName',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
]);
/** A list key that is left out has the value that defaulting would give it. */
const KEY_DEFAULTS: Readonly<Record<string, string>> = { protocol: 'TCP' };

export function union(a: FieldSet, b: FieldSet): Set<string> {
  return new Set([...a, ...b]);
}

export function without(a: FieldSet, ...others: FieldSet[]): Set<string> {
  return new Set([...a].filter((path) => !others.some((other) => other.has(path))));
}

export function joinPath(steps: readonly string[]): string {
  return steps.join(SEPARATOR);
}

export function splitPath(path: string): string[] {
  return path.split(SEPARATOR);
}

export function memberSchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema?.type === 'struct') return Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
  return schema?.type === 'map' ? schema.values : undefined;
}

/** How an element of an associative list or a set is named; `undefined` for atomic lists. */
export function elementStep(schema: ListSchema, item: Json): string | undefined {
  if (schema.listType === 'set') return `v:${JSON.stringify(item)}`;
  if (schema.listType !== 'map' || !isObject(item)) return undefined;
  const keys = Object.fromEntries(
    (schema.mapKeys ?? []).toSorted().map((key) => [key, item[key] ?? KEY_DEFAULTS[key] ?? null]),
  );
  return `k:${JSON.stringify(keys)}`;
}

/** Calls for every path that can be owned, with the value there; containers before what is in them. */
function walk(
  value: Json,
  schema: Schema | undefined,
  steps: string[],
  visit: (steps: string[], value: Json, leaf: boolean) => void,
): void {
  const atomic = schema === undefined || (schema.type === 'struct' && schema.atomic === true) || schema.type === 'any';
  if (isObject(value) && !atomic) {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    if (steps.length > 0) visit(steps, value, entries.length === 0);
    for (const [key, member] of entries) walk(member ?? null, memberSchema(schema, key), [...steps, `f:${key}`], visit);
    return;
  }
  if (Array.isArray(value) && schema?.type === 'list' && (schema.listType ?? 'atomic') !== 'atomic') {
    visit(steps, value, value.length === 0);
    for (const item of value) {
      const step = elementStep(schema, item);
      if (step !== undefined) walk(item, step.startsWith('v:') ? undefined : schema.items, [...steps, step], visit);
    }
    return;
  }
  visit(steps, value, true);
}

function ownable(object: JsonObject): JsonObject {
  const { apiVersion: _a, kind: _k, metadata, ...rest } = object;
  const kept = Object.entries(isObject(metadata) ? metadata : {}).filter(([key]) => !UNOWNED_METADATA.has(key));
  return kept.length === 0 ? rest : { metadata: Object.fromEntries(kept), ...rest };
}

/** Whether a container is owned as such: list elements are, plain members only through what they hold. */
function ownsItself(steps: readonly string[], leaf: boolean): boolean {
  return leaf || steps.at(-1)?.startsWith('k:') === true;
}

/** The ownable fields of an object with their values. */
export function fieldValues(object: JsonObject, schema: Schema): Map<string, Json> {
  const values = new Map<string, Json>();
  walk(ownable(object), schema, [], (steps, value, leaf) => {
    // An element's own mark says that it is there, whatever is in it.
    if (ownsItself(steps, leaf)) values.set(joinPath(steps), leaf ? value : true);
  });
  return values;
}

/** What an update set anew or changed, and what it removed. */
export function changedFields(
  before: ReadonlyMap<string, Json>,
  after: ReadonlyMap<string, Json>,
): { changed: Set<string>; removed: Set<string> } {
  const changed = new Set<string>();
  for (const [path, value] of after) if (!before.has(path) || !equal(before.get(path), value)) changed.add(path);
  return { changed, removed: new Set([...before.keys()].filter((path) => !after.has(path))) };
}

/** The nested form in which field sets are stored. */
export function toFieldsV1(fields: FieldSet): JsonObject {
  const root: JsonObject = {};
  for (const path of [...fields].toSorted()) {
    let node = root;
    for (const step of splitPath(path)) {
      const next = node[step];
      if (isObject(next)) node = next;
      else {
        const made: JsonObject = {};
        node[step] = made;
        node = made;
      }
    }
    if (path.includes(`${SEPARATOR}k:`) && splitPath(path).at(-1)?.startsWith('k:') === true) node['.'] = {};
  }
  return root;
}

export function fromFieldsV1(value: Json | undefined): Set<string> {
  const out = new Set<string>();
  const visit = (node: JsonObject, steps: string[]): void => {
    const keys = Object.keys(node);
    if (steps.length > 0 && (keys.length === 0 || (keys.includes('.') && steps.at(-1)?.startsWith('k:') === true))) {
      out.add(joinPath(steps));
    }
    for (const key of keys) {
      const child = node[key];
      if (key !== '.' && isObject(child)) visit(child, [...steps, key]);
    }
  };
  if (isObject(value)) visit(value, []);
  return out;
}

/** `.spec.containers[name="x"].image` */
export function displayPath(path: string): string {
  return splitPath(path)
    .map((step) => {
      const rest = step.slice(2);
      if (step.startsWith('f:')) return `.${rest}`;
      if (step.startsWith('v:')) return `[=${rest}]`;
      const keys = Object.entries(JSON.parse(rest) as JsonObject).map(
        ([key, value]) => `${key}=${JSON.stringify(value)}`,
      );
      return `[${keys.join(',')}]`;
    })
    .join('');
}
