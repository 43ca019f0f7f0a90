import { isObject, type Json, type JsonObject } from '../json.ts';
import type { Schema } from '../schema/dsl.ts';
import { badRequest, unsupportedMediaType } from '../status.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

const TYPES: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

export function patchTypeOf(contentType: string): PatchType {
  const type = Object.hasOwn(TYPES, contentType) ? TYPES[contentType] : undefined;
  if (type === undefined) throw unsupportedMediaType(Object.keys(TYPES).join(', '));
  return type;
}

/** The patched object, not yet read as its type. */
export function applyPatch(
  type: Exclude<PatchType, 'apply'>,
  target: JsonObject,
  patch: Json,
  schema: Schema,
): JsonObject {
  const result =
    type === 'json'
      ? applyJsonPatch(target, patch)
      : type === 'merge'
        ? applyMergePatch(target, patch)
        : applyStrategicMerge(target, patch, schema);
  if (!isObject(result)) throw badRequest('the patched object is not an object');
  return result;
}
