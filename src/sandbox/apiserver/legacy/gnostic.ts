import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';

/**
 * An OpenAPI v2 document as protocol buffers (`openapi.v2.Document` of github.com/google/gnostic): the only form that
 * kubectl before 1.27 reads. Only the members that this server's documents have are encoded; the numbers are those of
 * OpenAPIv2.proto.
 */
const DOCUMENT = { swagger: 1, info: 2, paths: 8, definitions: 9 } as const;
const SCHEMA = {
  ref: 1,
  format: 2,
  description: 4,
  required: 19,
  additionalProperties: 21,
  type: 22,
  items: 23,
  properties: 25,
  vendorExtension: 31,
} as const;
const OPERATION = { operationId: 5, parameters: 8, vendorExtension: 13 } as const;
const PATH_ITEM_PATCH = 8;
const PATHS_PATH = 2;
const QUERY_PARAMETER = { in: 2, name: 4, type: 6 } as const;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** A length-delimited field: a string or an embedded message. */
function field(number: number, content: string | Buffer): Buffer {
  const body = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([varint(number * 8 + 2), varint(body.length), body]);
}

function optional(number: number, content: string | undefined): Buffer[] {
  return content === undefined ? [] : [field(number, content)];
}

/** `NamedX { name = 1, value = 2 }`: how the format spells maps. */
function named(number: number, name: string, value: Buffer): Buffer {
  return field(number, Buffer.concat([field(1, name), field(2, value)]));
}

/** Extensions are YAML texts inside; JSON is YAML. */
function extensions(number: number, object: JsonObject): Buffer[] {
  return Object.entries(object)
    .filter(([key]) => key.startsWith('x-'))
    .map(([key, value]) => named(number, key, field(2, JSON.stringify(value))));
}

function schemaMessage(schema: Json | undefined): Buffer {
  if (!isObject(schema)) return Buffer.alloc(0);
  const parts: Buffer[] = [
    ...optional(SCHEMA.ref, stringAt(schema, '$ref')),
    ...optional(SCHEMA.format, stringAt(schema, 'format')),
    ...optional(SCHEMA.description, stringAt(schema, 'description')),
    ...listAt(schema, 'required')
      .filter((name) => typeof name === 'string')
      .map((name) => field(SCHEMA.required, name)),
  ];
  const type = stringAt(schema, 'type');
  const values = objectAt(schema, 'additionalProperties');
  const items = objectAt(schema, 'items');
  const properties = objectAt(schema, 'properties');
  if (values !== undefined) parts.push(field(SCHEMA.additionalProperties, field(1, schemaMessage(values))));
  if (type !== undefined) parts.push(field(SCHEMA.type, field(1, type)));
  if (items !== undefined) parts.push(field(SCHEMA.items, field(1, schemaMessage(items))));
  if (properties !== undefined) parts.push(field(SCHEMA.properties, namedSchemas(properties)));
  parts.push(...extensions(SCHEMA.vendorExtension, schema));
  return Buffer.concat(parts);
}

function namedSchemas(schemas: JsonObject): Buffer {
  return Buffer.concat(Object.entries(schemas).map(([name, schema]) => named(1, name, schemaMessage(schema))));
}

function queryParameter(parameter: Json): Buffer {
  const body = Buffer.concat([
    field(QUERY_PARAMETER.in, 'query'),
    field(QUERY_PARAMETER.name, stringAt(parameter, 'name') ?? ''),
    field(QUERY_PARAMETER.type, stringAt(parameter, 'type') ?? 'string'),
  ]);
  // ParametersItem.parameter -> Parameter.non_body_parameter -> NonBodyParameter.query_parameter_sub_schema
  return field(1, field(2, field(3, body)));
}

function pathItem(item: Json | undefined): Buffer {
  const patch = objectAt(item, 'patch') ?? {};
  const operation = Buffer.concat([
    ...optional(OPERATION.operationId, stringAt(patch, 'operationId')),
    ...listAt(patch, 'parameters').map((parameter) => field(OPERATION.parameters, queryParameter(parameter))),
    ...extensions(OPERATION.vendorExtension, patch),
  ]);
  return field(PATH_ITEM_PATCH, operation);
}

export function encodeSwagger(document: JsonObject): Buffer {
  const info = Buffer.concat([
    field(1, stringAt(document, 'info', 'title') ?? ''),
    field(2, stringAt(document, 'info', 'version') ?? ''),
  ]);
  const paths = Object.entries(objectAt(document, 'paths') ?? {}).map(([path, item]) =>
    named(PATHS_PATH, path, pathItem(item)),
  );
  return Buffer.concat([
    field(DOCUMENT.swagger, '2.0'),
    field(DOCUMENT.info, info),
    field(DOCUMENT.paths, Buffer.concat(paths)),
    field(DOCUMENT.definitions, namedSchemas(objectAt(document, 'definitions') ?? {})),
  ]);
}
