import { equal, isObject, type Json, type JsonObject } from '../json.ts';
import { type KubeObject, timestamp } from '../object.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';
import type { Schema } from '../schema/dsl.ts';
import { ApiError } from '../status.ts';
import { displayPath, elementStep, fieldValues, memberSchema, splitPath, without } from './field-set.ts';
import { isSameWriter, type Manager, managersOf, setManagers, type Writer } from './managers.ts';

export type ApplyRequest = {
  readonly definition: ResourceDefinition;
  /** What the manager wants, and nothing else. */
  readonly applied: KubeObject;
  /** Absent: the object is new. */
  readonly live: KubeObject | undefined;
  readonly manager: string;
  readonly subresource: string;
  readonly force: boolean;
  readonly now: number;
};

/**
 * Server-side apply: the manager's fields are merged in, fields that it applied before and now leaves out go (unless somebody
 * else owns them too), and changing what somebody else owns is a conflict (KEP-555).
 */
export function serverSideApply(request: ApplyRequest): KubeObject {
  const { definition, applied, live, force, now } = request;
  const { schema } = definition;
  const writer: Writer = { name: request.manager, operation: 'Apply', subresource: request.subresource };
  const wanted = fieldValues(applied, schema);
  const fields = new Set(wanted.keys());
  const managers = live === undefined ? [] : managersOf(live);
  const others = managers.filter((manager) => !isSameWriter(manager, writer));
  const current = live === undefined ? new Map<string, Json>() : fieldValues(live, schema);

  const differs = (path: string): boolean => current.has(path) && !equal(current.get(path), wanted.get(path));
  const conflicts = others
    .map((manager) => ({ manager, paths: [...manager.fields].filter((path) => fields.has(path) && differs(path)) }))
    .filter(({ paths }) => paths.length > 0);
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);

  const merged = (live === undefined ? applied : mergeApplied(live, applied, schema)) as KubeObject;
  const before = managers.find((manager) => isSameWriter(manager, writer))?.fields ?? new Set<string>();
  const dropped = [...before].filter(
    (path) => !fields.has(path) && !others.some((manager) => manager.fields.has(path)),
  );
  // An element before what is in it: without its keys it could not be found again.
  for (const path of dropped.toSorted((a, b) => splitPath(a).length - splitPath(b).length)) {
    const inside = `${path}\0`;
    if (others.some((manager) => [...manager.fields].some((owned) => owned.startsWith(inside)))) continue;
    removeField(merged, schema, splitPath(path));
  }
  const overruled = new Set(conflicts.flatMap(({ paths }) => paths));
  const time = timestamp(now);
  const same = before.size === fields.size && without(before, fields).size === 0;
  const oldTime = managers.find((manager) => isSameWriter(manager, writer))?.time;
  setManagers(merged, [
    { ...writer, apiVersion: apiVersionOf(definition), time: same && oldTime !== undefined ? oldTime : time, fields },
    ...others.map((manager) => ({ ...manager, fields: without(manager.fields, overruled) })),
  ]);
  return merged;
}

function conflictError(conflicts: { manager: Manager; paths: string[] }[]): ApiError {
  const causes = conflicts.flatMap(({ manager, paths }) =>
    paths.map((path) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${JSON.stringify(manager.name)} using ${manager.apiVersion}`,
      field: displayPath(path),
    })),
  );
  const parts = conflicts.map(({ manager, paths }) => {
    const who = `${JSON.stringify(manager.name)} using ${manager.apiVersion}`;
    const [only = '', ...more] = paths.map(displayPath);
    return more.length === 0
      ? `conflict with ${who}: ${only}`
      : `conflicts with ${who}:\n- ${[only, ...more].join('\n- ')}`;
  });
  const count = `${causes.length} conflict${causes.length === 1 ? '' : 's'}`;
  return new ApiError(409, 'Conflict', `Apply failed with ${count}: ${parts.join('\n')}`, { causes });
}

/** The live value with the applied one laid over it, by the list types of the schema. */
function mergeApplied(live: Json | undefined, applied: Json, schema: Schema | undefined): Json {
  if (isObject(applied) && isObject(live) && schema !== undefined && schema.type !== 'any') {
    if (schema.type === 'struct' && schema.atomic === true) return applied;
    const out: JsonObject = { ...live };
    for (const [key, value] of Object.entries(applied)) {
      if (value !== undefined) out[key] = mergeApplied(live[key], value, memberSchema(schema, key));
    }
    return out;
  }
  if (!Array.isArray(applied) || !Array.isArray(live) || schema?.type !== 'list') return applied;
  if (schema.listType === undefined || schema.listType === 'atomic') return applied;
  const out = [...live];
  const places = new Map(live.map((item, index) => [elementStep(schema, item), index]));
  for (const item of applied) {
    const place = places.get(elementStep(schema, item));
    if (place === undefined) out.push(item);
    else out[place] = mergeApplied(live[place], item, schema.items);
  }
  return out;
}

/** Removes what a path names, and containers that it leaves empty. */
function removeField(value: Json, schema: Schema | undefined, steps: readonly string[]): void {
  const [step = '', ...rest] = steps;
  if (step.startsWith('f:') && isObject(value)) {
    const key = step.slice(2);
    const member = value[key];
    if (member === undefined) return;
    if (rest.length === 0) delete value[key];
    else {
      removeField(member, memberSchema(schema, key), rest);
      if (isEmpty(member)) delete value[key];
    }
    return;
  }
  if (!Array.isArray(value) || schema?.type !== 'list') return;
  const index = value.findIndex((item) => elementStep(schema, item) === step);
  const item = value[index];
  if (item === undefined) return;
  if (rest.length === 0) value.splice(index, 1);
  else removeField(item, schema.items, rest);
}

function isEmpty(value: Json): boolean {
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;
}
