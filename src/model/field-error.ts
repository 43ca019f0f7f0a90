export type FieldErrorType =
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueNotFound'
  /** Of the reader, not of the server: no version known here has it. */
  | 'FieldUnknown';

/** One fault of an object, with the path of its field as the API server writes it (`spec.ingress[0].ports[0].port`). */
export type FieldError = {
  readonly type: FieldErrorType;
  readonly field: string;
  /** Shown for the types that show it. */
  readonly value?: unknown;
  readonly detail: string;
};

const TITLES: Readonly<Record<FieldErrorType, string>> = {
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueNotFound: 'Not found',
  FieldUnknown: 'Unknown field',
};

/** A value as the server writes it where that is not JSON: Go's notation of maps and structures. */
export class GoValue {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A hostile value must not turn the answer into a copy of a 3 MiB request. */
const SHOWN_VALUE_LIMIT = 512;

export const required = (field: string, detail = ''): FieldError => ({ type: 'FieldValueRequired', field, detail });
export const invalid = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  value,
  detail,
});
export const duplicate = (field: string, value: unknown): FieldError => ({
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
export const notFoundField = (field: string, value: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  value,
  detail: '',
});
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
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

export const unknownField = (field: string): FieldError => ({
  type: 'FieldUnknown',
  field,
  detail: 'no such field is known here',
});

export function fieldErrorTitle(type: FieldErrorType): string {
  return TITLES[type];
}

function shown(value: unknown): string {
  const text = value instanceof GoValue ? value.text : JSON.stringify(value ?? null);
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
