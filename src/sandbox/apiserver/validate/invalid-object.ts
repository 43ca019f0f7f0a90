import { type FieldError, fieldErrorBody, fieldErrorMessage } from '../../../model/index.ts';
import { ApiError } from '../status.ts';

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
