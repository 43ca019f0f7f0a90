import { type FieldError, GoValue, invalid } from '../../../model/index.ts';
import { at, type Json, numberAt } from '../json.ts';

/** The numbers at these keys of an object are not below 0. */
export function notNegative(parent: Json | undefined, field: string, ...keys: string[]): FieldError[] {
  return keys.flatMap((key) => {
    const value = numberAt(parent, key);
    if (value === undefined || value >= 0) return [];
    return [invalid(`${field}.${key}`, value, 'must be greater than or equal to 0')];
  });
}

/** A number of pods that is not negative, or a percentage of at most `max` (default: no limit). */
export function validateCount(parent: Json | undefined, field: string, key: string, max?: number): FieldError[] {
  const value = at(parent, key);
  if (typeof value === 'number') return notNegative(parent, field, key);
  if (typeof value !== 'string') return [];
  if (!/^[0-9]+%$/.test(value)) {
    const format =
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%', regex used for validation is '[0-9]+%')";
    return [invalid(`${field}.${key}`, intOrString(value), format)];
  }
  if (max === undefined || Number.parseInt(value, 10) <= max) return [];
  return [invalid(`${field}.${key}`, intOrString(value), `must not be greater than ${max}%`)];
}

/** As Go writes one of these. */
export function intOrString(value: Json | undefined): GoValue {
  const [type, number, text] = typeof value === 'string' ? [1, 0, value] : [0, Number(value ?? 0), ''];
  return new GoValue(`intstr.IntOrString{Type:${type}, IntVal:${number}, StrVal:${JSON.stringify(text)}}`);
}

/** None of something: `0`, `0%`, or nothing said. */
export function isNone(value: Json | undefined): boolean {
  return value === undefined || value === 0 || (typeof value === 'string' && /^0+%$/.test(value));
}
