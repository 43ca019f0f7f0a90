import { type Json, type JsonObject, stringAt } from '../json.ts';
import { type KubeObject, timestamp } from '../object.ts';
import { apiVersionOf, type ResourceDefinition } from '../resource.ts';
import { changedFields, fieldValues, fromFieldsV1, toFieldsV1, union, without } from './field-set.ts';

export type Manager = {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: Set<string>;
};

export type Writer = Pick<Manager, 'name' | 'operation' | 'subresource'>;

export function managersOf(object: KubeObject): Manager[] {
  return (object.metadata.managedFields ?? [])
    .filter((entry) => stringAt(entry, 'manager') !== undefined)
    .map((entry) => ({
      name: stringAt(entry, 'manager') ?? '',
      operation: entry['operation'] === 'Apply' ? 'Apply' : 'Update',
      apiVersion: stringAt(entry, 'apiVersion') ?? '',
      subresource: stringAt(entry, 'subresource') ?? '',
      time: stringAt(entry, 'time'),
      fields: fromFieldsV1(entry['fieldsV1']),
    }));
}

export function setManagers(object: KubeObject, managers: readonly Manager[]): void {
  const entries = managers
    .filter((manager) => manager.fields.size > 0)
    .map(
      (manager): JsonObject => ({
        manager: manager.name,
        operation: manager.operation,
        apiVersion: manager.apiVersion,
        ...(manager.time === undefined ? {} : { time: manager.time }),
        fieldsType: 'FieldsV1',
        fieldsV1: toFieldsV1(manager.fields),
        ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
      }),
    );
  if (entries.length === 0) delete object.metadata.managedFields;
  else object.metadata.managedFields = entries;
}

export function isSameWriter(manager: Manager, writer: Writer): boolean {
  return (
    manager.name === writer.name && manager.operation === writer.operation && manager.subresource === writer.subresource
  );
}

/**
 * Notes who changed what: the writer owns what it set, everybody else loses that and what went away. Without a writer (the
 * sandbox's own parts) only the others' losses are noted.
 */
export function trackUpdate(
  definition: ResourceDefinition,
  next: KubeObject,
  old: KubeObject | undefined,
  writerName: string | undefined,
  subresource: string,
  now: number,
): void {
  const managers = managersOf(next);
  if (writerName === undefined && managers.length === 0) return;
  const before = old === undefined ? new Map<string, Json>() : fieldValues(old, definition.schema);
  const after = fieldValues(next, definition.schema);
  const { changed, removed } = changedFields(before, after);
  if (changed.size === 0 && removed.size === 0) return;
  const writer: Writer = { name: writerName ?? '', operation: 'Update', subresource };
  const kept = managers
    .filter((manager) => !isSameWriter(manager, writer))
    .map((manager) => ({ ...manager, fields: without(manager.fields, changed, removed) }));
  if (writerName === undefined) return setManagers(next, kept);
  const own = managers.find((manager) => isSameWriter(manager, writer));
  const fields = without(union(own?.fields ?? new Set(), changed), removed);
  setManagers(next, [...kept, { ...writer, apiVersion: apiVersionOf(definition), time: timestamp(now), fields }]);
}
