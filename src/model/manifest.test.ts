import { expect, test } from 'vitest';
import { manifestObjects } from './manifest.ts';

const objects = (text: string) => manifestObjects(text, (detail) => new Error(detail));

test('lists are opened, also those of one kind and those in lists', () => {
  expect(
    objects(`
kind: Pod
---
kind: List
items: [{ kind: Namespace }, { kind: List, items: [{ kind: Node }] }]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicyList
items: [{ metadata: { name: a } }, { kind: NetworkPolicy, apiVersion: v2 }]
`),
  ).toEqual([
    { kind: 'Pod' },
    { kind: 'Namespace' },
    { kind: 'Node' },
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'a' } },
    { apiVersion: 'v2', kind: 'NetworkPolicy' },
  ]);
});

test('what merely has items is one object', () => {
  for (const text of ['kind: Menu\nitems: [{ kind: NetworkPolicy }]', 'items: [1]', 'kind: PodList\nitems: 5']) {
    expect(objects(text)).toHaveLength(1);
  }
});

test.each(['5', '[1]', 'kind: List\nitems: [5]', 'kind: PodList\nitems: [[]]'])('%j holds no object', (text) => {
  expect(() => objects(text)).toThrow(/not an object/);
});
