import { Environment } from '@marcbachmann/cel-js';
import { type FieldError, forbiddenField, invalid } from '../../../model/index.ts';
import { isObject, type Json, type JsonObject, listAt, objectAt, stringAt } from '../json.ts';
import type { JsonSchema } from './structural.ts';

type Program = (context: Record<string, unknown>) => unknown;

const environment = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true })
  .registerVariable('self', 'dyn')
  .registerVariable('oldSelf', 'dyn');
/** By text: a definition is used for many objects. */
const programs = new Map<string, Program>();
const MAX_PROGRAMS = 2_000;

function programOf(rule: string): Program {
  const known = programs.get(rule);
  if (known !== undefined) return known;
  if (programs.size >= MAX_PROGRAMS) programs.clear();
  const made = environment.parse(rule) as Program;
  programs.set(rule, made);
  return made;
}

/** Why a rule cannot be used; `undefined`: it can. */
export function ruleFault(rule: string): string | undefined {
  try {
    programOf(rule);
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
}

/** What `x-kubernetes-validations` have against a value that its schema has nothing against. */
export function validateRules(value: Json, schema: JsonSchema, field: string, old?: Json): FieldError[] {
  return listAt(schema, 'x-kubernetes-validations').flatMap((entry) => {
    const rule = stringAt(entry, 'rule') ?? '';
    // Rules of transitions say nothing of what is new.
    if (/\boldSelf\b/.test(rule) && old === undefined) return [];
    const context = {
      self: celValue(value, schema),
      ...(old === undefined ? {} : { oldSelf: celValue(old, schema) }),
    };
    let message = stringAt(entry, 'message') ?? `failed rule: ${rule.trim()}`;
    try {
      if (programOf(rule)(context) === true) return [];
      const expression = stringAt(entry, 'messageExpression');
      const said = expression === undefined ? undefined : programOf(expression)(context);
      if (typeof said === 'string') message = said;
    } catch (error) {
      message = `rule ${JSON.stringify(rule)} cannot be evaluated: ${(error as Error).message.split('\n')[0]}`;
    }
    const path = `${field}${stringAt(entry, 'fieldPath') ?? ''}`;
    const fault = invalid(path, shown(value), message);
    return [stringAt(entry, 'reason') === 'FieldValueForbidden' ? forbiddenField(path, message) : fault];
  });
}

const shown = (value: Json): Json => (isObject(value) ? 'object' : Array.isArray(value) ? 'array' : value);

/** As the language has it: integers are of another kind than other numbers. */
export function celValue(value: Json, schema: Json | undefined): unknown {
  const part = isObject(schema) ? schema : {};
  if (typeof value === 'number') return part['type'] === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  if (Array.isArray(value)) return value.map((item) => celValue(item, part['items']));
  if (!isObject(value)) return value;
  const properties: JsonObject = objectAt(part, 'properties') ?? {};
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      celValue(member ?? null, properties[key] ?? part['additionalProperties']),
    ]),
  );
}
