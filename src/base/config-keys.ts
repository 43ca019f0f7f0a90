import { z } from 'zod';

/** One key of a configuration, as people write it. */
export type ConfigKey = {
  /** With the keys above it: `metrics.port`. */
  readonly name: string;
  /** What may stand there: `0 to 65535`, `always | policy`, `list of text`. */
  readonly values: string;
  /** In JSON; undefined for a key that must be given, or whose description says what holds without it. */
  readonly default: string | undefined;
  readonly description: string;
};

/** What zod says of a schema, as far as the configuration makes use of it. */
type Schema = {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
};

/** Every key, in the order of the schema; of a section those in it. */
export function keysOf(schema: z.ZodType): ConfigKey[] {
  // What a transform makes of a value is no JSON; asked for is what is written.
  return keysIn(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema, '');
}

function keysIn({ properties = {} }: Schema, above: string): ConfigKey[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const name = above + key;
    if (schema.properties !== undefined) return keysIn(schema, `${name}.`);
    const { description = '', default: value } = schema;
    return [
      { name, values: valuesOf(schema), default: value === undefined ? undefined : JSON.stringify(value), description },
    ];
  });
}

function valuesOf({ type = 'text', items, anyOf, properties, ...schema }: Schema): string {
  if (anyOf !== undefined) return anyOf.map(valuesOf).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.join(' | ');
  switch (type) {
    case 'array':
      return `list of ${valuesOf(items ?? {})}`;
    case 'object':
      return `{${Object.keys(properties ?? {}).join(', ')}}`;
    case 'boolean':
      return 'true | false';
    case 'string':
      return 'text';
    default:
      return rangeOf(schema);
  }
}

function rangeOf({ minimum, exclusiveMinimum, maximum }: Schema): string {
  if (exclusiveMinimum !== undefined) return `above ${exclusiveMinimum}`;
  if (maximum === undefined || maximum === Number.MAX_SAFE_INTEGER) return `${minimum} or more`;
  return `${minimum} to ${maximum}`;
}
