import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonObject } from '../json.ts';
import { service } from '../schema/core.ts';
import { pod } from '../schema/pod.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

const spec = (value: JsonObject): JsonObject => ({ spec: value });
const two = [
  { name: 'a', image: '1' },
  { name: 'b', image: '1' },
];

const cases: [string, JsonObject, JsonObject, JsonObject][] = [
  [
    'merges by name',
    { containers: two },
    { containers: [{ name: 'b', image: '2' }] },
    { containers: [two[0] ?? {}, { name: 'b', image: '2' }] },
  ],
  [
    'appends what is new',
    { containers: two },
    { containers: [{ name: 'c' }] },
    { containers: [...two, { name: 'c' }] },
  ],
  [
    'deletes by directive',
    { containers: two },
    { containers: [{ name: 'a', $patch: 'delete' }] },
    { containers: [two[1] ?? {}] },
  ],
  [
    'replaces a list by directive',
    { containers: two },
    { containers: [{ $patch: 'replace' }, { name: 'c' }] },
    { containers: [{ name: 'c' }] },
  ],
  ['removes with null', { nodeName: 'n', hostname: 'h' }, { nodeName: null }, { hostname: 'h' }],
  [
    'replaces a struct by directive',
    { securityContext: { fsGroup: 1, runAsUser: 2 } },
    { securityContext: { $patch: 'replace', fsGroup: 3 } },
    { securityContext: { fsGroup: 3 } },
  ],
  [
    'empties a struct by directive',
    { securityContext: { fsGroup: 1 } },
    { securityContext: { $patch: 'delete' } },
    { securityContext: {} },
  ],
  [
    'replaces atomic lists',
    { tolerations: [{ key: 'a' }, { key: 'b' }] },
    { tolerations: [{ key: 'c' }] },
    { tolerations: [{ key: 'c' }] },
  ],
  [
    'orders as told',
    { containers: two },
    { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'a', image: '2' }] },
    {
      containers: [
        { name: 'b', image: '1' },
        { name: 'a', image: '2' },
      ],
    },
  ],
  [
    'orders without a change',
    { containers: two },
    { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] },
    { containers: [two[1] ?? {}, two[0] ?? {}] },
  ],
  [
    'keeps the server’s own elements in their place',
    { containers: [{ name: 's' }, ...two] },
    {
      '$setElementOrder/containers': [{ name: 'a' }, { name: 'c' }],
      containers: [{ name: 'c' }, { name: 'b', $patch: 'delete' }],
    },
    { containers: [{ name: 's' }, two[0] ?? {}, { name: 'c' }] },
  ],
  [
    'retains only the keys named',
    { volumes: [{ name: 'v', emptyDir: {} }] },
    { volumes: [{ name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/' } }] },
    { volumes: [{ name: 'v', hostPath: { path: '/' } }] },
  ],
];

test.each(cases)('%s', (_name, target, patch, expected) => {
  expect(applyStrategicMerge(spec(target), spec(patch), pod)).toEqual(spec(expected));
});

test('merges sets of finalizers and deletes from them', () => {
  const target = { metadata: { finalizers: ['a/a', 'b/b'] } };
  expect(applyStrategicMerge(target, { metadata: { finalizers: ['c/c', 'a/a'] } }, pod)).toEqual({
    metadata: { finalizers: ['a/a', 'b/b', 'c/c'] },
  });
  const removal = { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/a'] } };
  expect(applyStrategicMerge(target, removal, pod)).toEqual({ metadata: { finalizers: ['b/b'] } });
});

test('merges service ports by their number', () => {
  const target = { spec: { ports: [{ port: 80, targetPort: 1 }, { port: 81 }] } };
  expect(applyStrategicMerge(target, { spec: { ports: [{ port: 80, targetPort: 2 }] } }, service)).toEqual({
    spec: { ports: [{ port: 80, targetPort: 2 }, { port: 81 }] },
  });
});

test.each<[JsonObject, RegExp]>([
  [{ containers: [{ image: 'x' }] }, /merge key: name/],
  [{ containers: ['x'] }, /not an object/],
  [{ securityContext: { $patch: 'explode' } }, /unknown \$patch directive/],
])('refuses %j', (patch, message) => {
  expect(() => applyStrategicMerge(spec({ containers: two }), spec(patch), pod)).toThrow(message);
});

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.string({ maxLength: 4 }),
    fc.constant(null),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 3 }),
  object: fc.dictionary(fc.stringMatching(/^[a-c]$/), tie('value'), { maxKeys: 3, noNullPrototype: true }),
}));

test('an empty patch of any kind changes nothing, and no patch changes what it is given', () => {
  fc.assert(
    fc.property(json.object, json.object, (target, patch) => {
      const object = target as JsonObject;
      const before = structuredClone(object);
      expect(applyMergePatch(object, {})).toEqual(before);
      expect(applyJsonPatch(object, [])).toEqual(before);
      expect(applyStrategicMerge(object, {}, undefined)).toEqual(before);
      applyMergePatch(object, patch as JsonObject);
      applyStrategicMerge(object, patch as JsonObject, pod);
      expect(object).toEqual(before);
    }),
  );
});

test('a merge patch applied twice is the same as once', () => {
  fc.assert(
    fc.property(json.object, json.object, (target, patch) => {
      const once = applyMergePatch(target as JsonObject, patch as JsonObject);
      expect(applyMergePatch(once, patch as JsonObject)).toEqual(once);
    }),
  );
});
