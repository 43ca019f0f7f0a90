import { type FieldError, forbiddenField, notSupported } from '../../../model/index.ts';
import { invalidObject } from '../validate/invalid-object.ts';

const MATCH = 'resourceVersionMatch';
const MATCHES = ['Exact', 'NotOlderThan'];

/** Throws the 422 that options get which exclude each other. Source: API concepts, "Resource versions", and KEP-3157. */
export function checkListOptions(query: URLSearchParams): void {
  const faults = isWatch(query) ? watchFaults(query) : listFaults(query);
  if (faults.length > 0) throw invalidOptions('ListOptions', faults);
}

export function isWatch(query: URLSearchParams): boolean {
  return query.get('watch') === 'true' || query.get('watch') === '1';
}

/** Options of a request that are not what they may be, as opposed to its object. */
export function invalidOptions(kind: string, faults: readonly FieldError[]): Error {
  return invalidObject(kind, 'meta.k8s.io', '', faults);
}

function watchFaults(query: URLSearchParams): FieldError[] {
  const match = query.get(MATCH) ?? '';
  if (query.has('sendInitialEvents')) {
    if (match === 'NotOlderThan') return [];
    const name = 'sendInitialEvents';
    return match === ''
      ? [forbiddenField(MATCH, `${name} requires setting ${MATCH} to NotOlderThan`)]
      : [notSupported(MATCH, match, ['NotOlderThan'])];
  }
  return match === ''
    ? []
    : [forbiddenField(MATCH, `${MATCH} is forbidden for watch unless sendInitialEvents is provided`)];
}

function listFaults(query: URLSearchParams): FieldError[] {
  const match = query.get(MATCH) ?? '';
  const version = query.get('resourceVersion') ?? '';
  const faults: FieldError[] = [];
  if (query.has('sendInitialEvents'))
    faults.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  if (match === '') return faults;
  if (version === '') faults.push(forbiddenField(MATCH, `${MATCH} is forbidden unless resourceVersion is provided`));
  if ((query.get('continue') ?? '') !== '') {
    faults.push(forbiddenField(MATCH, `${MATCH} is forbidden when continue is provided`));
  }
  if (!MATCHES.includes(match)) faults.push(notSupported(MATCH, match.slice(0, 64), MATCHES));
  if (match === 'Exact' && version === '0') {
    faults.push(forbiddenField(MATCH, `${MATCH} "Exact" is forbidden for resourceVersion "0"`));
  }
  return faults;
}
