import { type FieldError, forbiddenField, invalid } from '../../../model/index.ts';
import { badRequest } from '../status.ts';
import { invalidObject } from '../validate/invalid-object.ts';

/** What of a container's output is wanted. */
export type LogSelection = {
  readonly follow: boolean;
  /** Of the run before the present one. */
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Absent: all. */
  readonly tailLines: number | undefined;
  /** ms since the epoch; absent: from the beginning. */
  readonly since: number | undefined;
  /** Absent: no limit. */
  readonly limitBytes: number | undefined;
};

/** `PodLogOptions` as they stand in a query; `now` in ms since the epoch. Throws what the server of Kubernetes refuses. */
export function logSelectionOf(query: URLSearchParams, pod: string, now: number): LogSelection {
  const flag = (name: string): boolean => query.get(name) === 'true' || query.get(name) === '1';
  const number = (name: string): number | undefined => {
    const text = query.get(name) ?? '';
    if (text === '') return undefined;
    if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
    return Number(text);
  };
  const errors: FieldError[] = [];
  const atLeast = (name: string, least: 0 | 1): number | undefined => {
    const value = number(name);
    const words = least === 0 ? 'must be greater than or equal to 0' : 'must be greater than 0';
    if (value !== undefined && value < least) errors.push(invalid(name, value, words));
    return value;
  };
  const tailLines = atLeast('tailLines', 0);
  const limitBytes = atLeast('limitBytes', 1);
  const seconds = atLeast('sinceSeconds', 1);
  const time = query.get('sinceTime') ?? '';
  const sinceTime = time === '' ? undefined : Date.parse(time);
  if (Number.isNaN(sinceTime)) throw badRequest(`parsing time ${JSON.stringify(time)} as RFC 3339: cannot parse`);
  if (seconds !== undefined && sinceTime !== undefined) {
    errors.push(forbiddenField('', 'at most one of `sinceTime` or `sinceSeconds` may be specified'));
  }
  if (errors.length > 0) throw invalidObject('PodLogOptions', '', pod, errors);
  return {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    tailLines,
    since: seconds === undefined ? sinceTime : now - seconds * 1_000,
    limitBytes,
  };
}
