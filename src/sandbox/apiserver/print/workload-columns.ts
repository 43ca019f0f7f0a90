import { type Json, listAt, numberAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import type { Column } from '../resource.ts';
import { column, formatLabelSelector } from './columns.ts';

/** A count as it is, 0 where the object has none. */
export function countColumn(name: string, ...path: string[]): Column {
  return column(name, (object) => numberAt(object, ...path) ?? 0, { type: 'integer' });
}

/** `2/3`: so many of the wanted replicas are ready. */
export const readyOfWanted: Column = column('Ready', (object) => {
  return `${numberAt(object, 'status', 'readyReplicas') ?? 0}/${numberAt(object, 'spec', 'replicas') ?? 0}`;
});

const namesOf = (spec: Json | undefined, field: string): string =>
  listAt(objectAt(spec), 'containers')
    .map((container) => stringAt(container, field) ?? '')
    .join(',');

const POD_SPEC = ['spec', 'template', 'spec'];

/** Of a template of pods, with `-o wide`. */
export function containerColumns(path: readonly string[] = POD_SPEC): Column[] {
  return [
    column('Containers', (object) => namesOf(objectAt(object, ...path), 'name'), { priority: 1 }),
    column('Images', (object) => namesOf(objectAt(object, ...path), 'image'), { priority: 1 }),
  ];
}

export const selectorColumn: Column = column(
  'Selector',
  (object: KubeObject) => formatLabelSelector(objectAt(object, 'spec', 'selector')),
  { priority: 1 },
);
