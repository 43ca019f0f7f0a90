import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';
import { any, type ListSchema, type Schema, type StructSchema, string } from '../schema/dsl.ts';
import { objectMeta } from '../schema/meta.ts';

/** A schema as a CustomResourceDefinition writes it (OpenAPI v3, structural). */
export type JsonSchema = JsonObject;

/**
 * The shape by which objects are pruned, merged and owned. What a single value must be is judged elsewhere, in the words of
 * custom resources, so a scalar is anything here.
 */
export function structuralShape(name: string, schema: JsonSchema | undefined): StructSchema {
  const own = schema === undefined ? {} : fieldsOf(name, schema);
  return { type: 'struct', name, fields: { ...own, apiVersion: string, kind: string, metadata: objectMeta } };
}

function fieldsOf(name: string, schema: JsonSchema): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(objectAt(schema, 'properties') ?? {})
      .filter((entry): entry is [string, JsonObject] => isObject(entry[1]))
      .map(([key, property]) => [key, shapeOf(`${name}.${key}`, property)]),
  );
}

function shapeOf(name: string, schema: JsonSchema): Schema {
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true;
  switch (schema['type']) {
    case 'object': {
      const values = schema['additionalProperties'];
      if (isOpen || values === true) return any;
      if (isObject(values)) return { type: 'map', values: shapeOf(`${name}.*`, values), keepEmpty: true };
      const atomic = schema['x-kubernetes-map-type'] === 'atomic';
      return { type: 'struct', name, fields: fieldsOf(name, schema), ...(atomic ? { atomic } : {}) };
    }
    case 'array': {
      const items = schema['items'];
      const listType = stringAt(schema, 'x-kubernetes-list-type') as ListSchema['listType'];
      return {
        type: 'list',
        items: isObject(items) ? shapeOf(`${name}[]`, items) : any,
        keepEmpty: true,
        ...(listType === undefined ? {} : { listType }),
        mapKeys: listAt(schema, 'x-kubernetes-list-map-keys').filter((key) => typeof key === 'string'),
      };
    }
    default:
      return any;
  }
}

/** Fills in the defaults of members that are not there, also within what a default brings. */
export function setSchemaDefaults(value: Json | undefined, schema: Json | undefined): void {
  if (!isObject(schema)) return;
  if (Array.isArray(value)) {
    for (const item of value) setSchemaDefaults(item, schema['items']);
    return;
  }
  if (!isObject(value)) return;
  const properties = objectAt(schema, 'properties') ?? {};
  for (const [key, property] of Object.entries(properties)) {
    const standard = isObject(property) ? property['default'] : undefined;
    if (value[key] === undefined && standard !== undefined) value[key] = structuredClone(standard);
    setSchemaDefaults(value[key], property);
  }
  for (const [key, member] of Object.entries(value)) {
    if (!Object.hasOwn(properties, key)) setSchemaDefaults(member, schema['additionalProperties']);
  }
}
