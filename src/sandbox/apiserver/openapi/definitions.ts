import { type Json, type JsonObject, objectAt } from '../json.ts';
import type { ResourceDefinition } from '../resource.ts';
import type { Schema, StructSchema } from '../schema/dsl.ts';
import { objectMeta } from '../schema/meta.ts';
import { explain } from './explain-texts.ts';

export type OpenApiStyle = {
  /** `#/definitions/` or `#/components/schemas/`. */
  readonly refPrefix: string;
  /** OpenAPI 3.0 allows nothing beside `$ref`: references with more are wrapped in `allOf`. */
  readonly wrapRefs: boolean;
};

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const TIME = 'io.k8s.apimachinery.pkg.apis.meta.v1.Time';
const MICRO_TIME = 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime';
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const LIST_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';

/** All types that these kinds are made of, as OpenAPI schemas by name. */
export function openApiDefinitions(
  kinds: readonly ResourceDefinition[],
  style: OpenApiStyle,
): Record<string, JsonObject> {
  const out: Record<string, JsonObject> = {
    [QUANTITY]: style.wrapRefs ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' },
    [TIME]: { type: 'string', format: 'date-time' },
    [MICRO_TIME]: { type: 'string', format: 'date-time' },
    [INT_OR_STRING]: style.wrapRefs
      ? { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
      : { type: 'string', format: 'int-or-string' },
    [LIST_META]: {
      type: 'object',
      properties: {
        continue: { type: 'string' },
        remainingItemCount: { type: 'integer', format: 'int64' },
        resourceVersion: { type: 'string' },
        selfLink: { type: 'string' },
      },
    },
  };
  const writer = new DefinitionWriter(out, style);
  writer.define(objectMeta);
  for (const kind of kinds) {
    writer.define(kind.schema);
    const definition = out[kind.schema.name];
    if (definition === undefined) continue;
    if (style.wrapRefs && kind.publishedSchema !== undefined) {
      // Its own words, with what is the same for every kind.
      const { apiVersion, kind: name, metadata } = objectAt(definition, 'properties') ?? {};
      const properties = { ...objectAt(kind.publishedSchema, 'properties'), apiVersion, kind: name, metadata };
      Object.assign(definition, kind.publishedSchema, { properties });
    }
    definition['x-kubernetes-group-version-kind'] = gvkOf(kind, kind.kind);
    out[`${kind.schema.name}List`] = {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: writer.reference(LIST_META, {}),
        items: { type: 'array', items: writer.reference(kind.schema.name, {}) },
      },
      'x-kubernetes-group-version-kind': gvkOf(kind, `${kind.kind}List`),
    };
  }
  return out;
}

function gvkOf({ group, version }: ResourceDefinition, kind: string): Json {
  return [{ group, kind, version }];
}

class DefinitionWriter {
  readonly #out: Record<string, JsonObject>;
  readonly #style: OpenApiStyle;

  constructor(out: Record<string, JsonObject>, style: OpenApiStyle) {
    this.#out = out;
    this.#style = style;
  }

  define(schema: StructSchema): void {
    if (Object.hasOwn(this.#out, schema.name)) return;
    const properties: JsonObject = {};
    const definition: JsonObject = { type: 'object', properties };
    this.#out[schema.name] = definition;
    if (schema.required !== undefined) definition['required'] = [...schema.required];
    if (schema.atomic === true) definition['x-kubernetes-map-type'] = 'atomic';
    Object.assign(definition, described(explain(schema)));
    for (const [name, field] of Object.entries(schema.fields)) {
      const isRoot = name === 'apiVersion' || name === 'kind' || name === 'metadata';
      const text = explain(schema, name) ?? (isRoot ? explain(objectMeta, name) : undefined);
      properties[name] = { ...this.#write(field), ...described(text) };
    }
  }

  reference(name: string, extensions: JsonObject): JsonObject {
    const ref = { $ref: `${this.#style.refPrefix}${name}` };
    return this.#style.wrapRefs ? { allOf: [ref], ...extensions } : { ...ref, ...extensions };
  }

  #write(schema: Schema): JsonObject {
    switch (schema.type) {
      case 'struct':
        this.define(schema);
        return this.reference(schema.name, {});
      case 'list':
        return { type: 'array', items: this.#write(schema.items), ...listExtensions(schema) };
      case 'map':
        return { type: 'object', additionalProperties: this.#write(schema.values) };
      case 'int32':
      case 'int64':
        return { type: 'integer', format: schema.type };
      case 'double':
        return { type: 'number', format: 'double' };
      case 'bytes':
        return { type: 'string', format: 'byte' };
      case 'time':
        return this.reference(TIME, {});
      case 'microTime':
        return this.reference(MICRO_TIME, {});
      case 'quantity':
        return this.reference(QUANTITY, {});
      case 'intOrString':
        return this.reference(INT_OR_STRING, {});
      case 'any':
        return this.#style.wrapRefs ? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } : {};
      default:
        return { type: schema.type };
    }
  }
}

function described(description: string | undefined): JsonObject {
  return description === undefined ? {} : { description };
}

function listExtensions(schema: Extract<Schema, { type: 'list' }>): JsonObject {
  const extensions: JsonObject = { 'x-kubernetes-list-type': schema.listType ?? 'atomic' };
  if (schema.mapKeys !== undefined) extensions['x-kubernetes-list-map-keys'] = [...schema.mapKeys];
  if (schema.mergeKey === undefined) return extensions;
  const retainKeys = schema.items.type === 'struct' && schema.items.retainKeys === true;
  extensions['x-kubernetes-patch-strategy'] = retainKeys ? 'merge,retainKeys' : 'merge';
  if (schema.mergeKey !== '') extensions['x-kubernetes-patch-merge-key'] = schema.mergeKey;
  return extensions;
}
