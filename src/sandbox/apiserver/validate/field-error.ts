import type { Json } from '../json.ts';
import { ApiError } from '../status.ts';

export type FieldErrorType =
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueNotFound';

/** One fault of an object, with the path of its field as the API server writes it (`spec.ingress[0].ports[0].port`). */
export type FieldError = {
  readonly type: FieldErrorType;
  readonly field: string;
  /** Shown for the types that show it. */
  readonly value?: Json | undefined;
  readonly detail: string;
};

const TITLES: Record<FieldErrorType, string> = {
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueNotFound: 'Not found',
};

/** A hostile value must not turn the answer into a copy of a 3 MiB request. */
const SHOWN_VALUE_LIMIT = 512;

export const required = (field: string, detail = ''): FieldError => ({ type: 'FieldValueRequired', field, detail });
export const invalid = (field: string, value: Json | undefined, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  value,
  detail,
});
export const duplicate = (field: string, value: Json | undefined): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  value,
  detail: '',
});
export const forbiddenField = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  detail,
});
export const notSupported = (field: string, value: Json | undefined, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  value,
  detail: `supported values: ${supported.map((s) => JSON.stringify(s)).join(', ')}`,
});
export const tooMany = (field: string, count: number, limit: number): FieldError => ({
  type: 'FieldValueTooMany',
  field,
  value: count,
  detail: `must have at most ${limit} items`,
});
export const tooLong = (field: string, limit: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  detail: `may not be more than ${limit} bytes`,
});

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value ?? null);
  return text.length <= SHOWN_VALUE_LIMIT ? text : `${text.slice(0, SHOWN_VALUE_LIMIT)}...`;
}

/** The part of the message after the field: `Invalid value: 0: must be ...`. */
export function fieldErrorBody(error: FieldError): string {
  const title = TITLES[error.type];
  const hidesValue =
    error.type === 'FieldValueRequired' || error.type === 'FieldValueForbidden' || error.type === 'FieldValueTooLong';
  const head = hidesValue ? title : `${title}: ${shown(error.value)}`;
  return error.detail === '' ? head : `${head}: ${error.detail}`;
}

export function fieldErrorMessage(error: FieldError): string {
  return `${error.field}: ${fieldErrorBody(error)}`;
}

/** More faults than anybody reads are not listed: a hostile object has as many as it has members. */
const MAX_ERRORS = 100;
const SHOWN_NAME_LIMIT = 253;

/** The 422 answer for an object with faults. */
export function invalidObject(kind: string, group: string, fullName: string, errors: readonly FieldError[]): ApiError {
  const listed = errors.slice(0, MAX_ERRORS);
  const name = fullName.slice(0, SHOWN_NAME_LIMIT);
  const messages = [...new Set(listed.map(fieldErrorMessage))];
  if (errors.length > MAX_ERRORS) messages.push(`and ${errors.length - MAX_ERRORS} more errors`);
  const joined = messages.length === 1 ? messages[0] : `[${messages.join(', ')}]`;
  const qualified = group === '' ? kind : `${kind}.${group}`;
  return new ApiError(422, 'Invalid', `${qualified} ${JSON.stringify(name)} is invalid: ${joined}`, {
    name,
    ...(group === '' ? {} : { group }),
    kind,
    causes: listed.map((error) => ({ reason: error.type, message: fieldErrorBody(error), field: error.field })),
  });
}
