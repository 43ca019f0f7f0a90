import { expect, test } from 'vitest';
import { resources } from '../resources/index.ts';
import type { Schema, StructSchema } from '../schema/dsl.ts';
import { explain, explainAreas } from './explain-texts.ts';

const types = new Map<string, StructSchema[]>();
const collect = (schema: Schema): void => {
  if (schema.type === 'list') return collect(schema.items);
  if (schema.type === 'map') return collect(schema.values);
  if (schema.type !== 'struct') return;
  const name = schema.name.slice(schema.name.lastIndexOf('.') + 1);
  const known = types.get(name) ?? [];
  if (known.includes(schema)) return;
  types.set(name, [...known, schema]);
  for (const field of Object.values(schema.fields)) collect(field);
};
for (const { schema } of resources) collect(schema);

test('every kind of Kubernetes and every field of its specification is explained', () => {
  const own = resources.filter(({ schema }) => schema.name.startsWith('io.k8s.'));
  const silent = own.flatMap(({ schema, kind }) => {
    const spec = schema.fields['spec'];
    const of = spec?.type === 'struct' ? [schema, spec] : [schema];
    const missing = of.flatMap((type) =>
      Object.keys(type.fields).filter((field) => explain(type, field) === undefined),
    );
    return [...(explain(schema) === undefined ? [kind] : []), ...missing.map((field) => `${kind}: ${field}`)];
  });
  // Of volumes that somebody else would have to make only the names are known.
  expect(silent.filter((field) => !field.startsWith('PersistentVolume: '))).toEqual([]);
});

test('nothing is explained that is not there', () => {
  const dead = explainAreas().flatMap((area) =>
    Object.entries(area).flatMap(([name, texts]) => {
      if (name === '*') return [];
      const fields = new Set(types.get(name)?.flatMap((type) => Object.keys(type.fields)));
      return Object.keys(texts)
        .filter((field) => (field === '' ? !types.has(name) : !fields.has(field)))
        .map((field) => `${name}.${field}`);
    }),
  );
  expect(dead).toEqual([]);
});
