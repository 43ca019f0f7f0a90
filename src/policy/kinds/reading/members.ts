import { type FieldError, invalid, required, unknownField } from '../../../model/index.ts';

/** Where something is, and where what cannot be read there is told. */
export type Place = { readonly at: string; readonly errors: FieldError[] };

export function inside({ at, errors }: Place, step: string | number): Place {
  return { at: typeof step === 'number' ? `${at}[${step}]` : at === '' ? step : `${at}.${step}`, errors };
}

/** Tells, and gives undefined: what cannot be read has no value. */
export function unreadable({ at, errors }: Place, value: unknown, detail: string): undefined {
  errors.push(invalid(at, value, detail));
  return undefined;
}

/**
 * The members of an object; null means "not given", as writers of YAML and JSON leave it. undefined when it is no
 * object, or has a member that is not known: what it says in a later version may narrow all that we do know.
 */
export function members<K extends string>(
  value: unknown,
  place: Place,
  known: readonly K[],
): Partial<Record<K, unknown>> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return unreadable(place, value, 'expected an object');
  }
  const found: Partial<Record<K, unknown>> = {};
  let isKnown = true;
  for (const [key, member] of Object.entries(value)) {
    if (member === null || member === undefined) continue;
    const name = known.find((one) => one === key);
    if (name !== undefined) found[name] = member;
    else {
      isKnown = false;
      place.errors.push(unknownField(inside(place, key).at));
    }
  }
  return isKnown ? found : undefined;
}

/** Every element as `read` sees it; nothing given is an empty list. undefined when one of them cannot be read. */
export function listOf<T>(
  value: unknown,
  place: Place,
  read: (item: unknown, place: Place) => T | undefined,
): T[] | undefined {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return unreadable(place, value, 'expected a list');
  const items = value.map((item, index) => read(item, inside(place, index)));
  return items.every((item) => item !== undefined) ? items : undefined;
}

export function textOf(value: unknown, place: Place): string | undefined {
  if (value === undefined) {
    place.errors.push(required(place.at));
    return undefined;
  }
  return typeof value === 'string' ? value : unreadable(place, value, 'expected a text');
}
