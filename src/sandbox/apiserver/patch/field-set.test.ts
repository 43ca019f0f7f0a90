import fc from 'fast-check';
import { expect, test } from 'vitest';
import { service } from '../schema/core.ts';
import { displayPath, fieldValues, fromFieldsV1, joinPath, toFieldsV1 } from './field-set.ts';

test('fields are named by members, list keys and set values', () => {
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's', uid: 'u', labels: { 'example.com/a': 'b' }, finalizers: ['x/y'] },
    spec: { ports: [{ port: 80, targetPort: 'web' }], selector: { app: 'x' } },
  };
  expect([...fieldValues(object, service).keys()].map(displayPath)).toEqual([
    '.metadata.labels.example.com/a',
    '.metadata.finalizers[="x/y"]',
    '.spec.ports[port=80,protocol="TCP"]',
    '.spec.ports[port=80,protocol="TCP"].port',
    '.spec.ports[port=80,protocol="TCP"].targetPort',
    '.spec.selector.app',
  ]);
});

const member = fc.constantFrom('f:a', 'f:b', 'f:c');
const leafPath = fc.tuple(member, fc.constantFrom('f:x', 'k:{"name":"n"}', 'v:"z"')).map((steps) => joinPath(steps));

test('the stored form holds exactly the fields', () => {
  fc.assert(
    fc.property(fc.uniqueArray(leafPath), (paths) => {
      const fields = new Set(paths);
      expect(fromFieldsV1(toFieldsV1(fields))).toEqual(fields);
    }),
  );
});
