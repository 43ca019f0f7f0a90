import { at, type Json, listAt, objectAt, stringAt, stringMapAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { Column } from '../resource.ts';
import { age } from './duration.ts';

export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Unique within a namespace; cannot be updated.',
  value: (object) => object.metadata.name,
};

export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  value: (object, now) => age(object.metadata.creationTimestamp, now),
};

export function column(
  name: string,
  value: (object: KubeObject, now: number) => Json,
  options: Partial<Pick<Column, 'priority' | 'type' | 'description'>> = {},
): Column {
  return { name, type: options.type ?? 'string', description: options.description ?? '', value, ...options };
}

/** A column that shows one field as it is. */
export function fieldColumn(name: string, path: string[], missing = '<none>', priority: 0 | 1 = 0): Column {
  return column(name, (object) => stringAt(object, ...path) || missing, { priority });
}

/** `a=b,c in (d,e),!f`; `<none>` for the selector that takes everything. */
export function formatLabelSelector(selector: Json | undefined): string {
  const terms = Object.entries(stringMapAt(selector, 'matchLabels')).map(([key, value]) => `${key}=${value}`);
  for (const expression of listAt(objectAt(selector), 'matchExpressions')) {
    const key = stringAt(expression, 'key') ?? '';
    const values = listAt(expression, 'values')
      .filter((v) => typeof v === 'string')
      .join(',');
    const operator = stringAt(expression, 'operator');
    if (operator === 'Exists') terms.push(key);
    else if (operator === 'DoesNotExist') terms.push(`!${key}`);
    else terms.push(`${key} ${operator === 'NotIn' ? 'notin' : 'in'} (${values})`);
  }
  return terms.length === 0 ? '<none>' : terms.toSorted().join(',');
}

export function formatMap(value: Json | undefined): string {
  const pairs = Object.entries(stringMapAt(value)).map(([key, v]) => `${key}=${v}`);
  return pairs.length === 0 ? '<none>' : pairs.toSorted().join(',');
}

/** The first few of a list, with a count of the rest. */
export function shortened(items: string[], limit: number): string {
  if (items.length === 0) return '<none>';
  const rest = items.length - limit;
  return items.slice(0, limit).join(',') + (rest > 0 ? ` + ${rest} more...` : '');
}

export function isTrue(condition: Json): boolean {
  return at(condition, 'status') === 'True';
}
