import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLabel, isInternalKey, type Label, labelsKey } from './labels.ts';

describe('label notation', () => {
  test.each([
    ['k8s:app=web', { source: 'k8s', key: 'app', value: 'web' }],
    ['k8s:app.kubernetes.io/name=a=b', { source: 'k8s', key: 'app.kubernetes.io/name', value: 'a=b' }],
    ['reserved:host', { source: 'reserved', key: 'host', value: '' }],
    ['cidr:2001:db8::/32', { source: 'cidr', key: '2001:db8::/32', value: '' }],
    ['k8s:empty', { source: 'k8s', key: 'empty', value: '' }],
  ])('%s', (text, label) => expect(formatLabel(label as Label)).toBe(text));
});

const label: fc.Arbitrary<Label> = fc.record({
  source: fc.constantFrom('k8s' as const, 'reserved' as const),
  key: fc.string({ unit: fc.constantFrom('a', 'b', '=', ';', '\\', ':'), minLength: 1, maxLength: 3 }),
  value: fc.string({ unit: fc.constantFrom('a', 'b', '=', ';', '\\', ':'), maxLength: 3 }),
});

describe('labelsKey', () => {
  test('does not depend on the order', () => {
    fc.assert(
      fc.property(fc.array(label), (labels) => {
        expect(labelsKey(labels.toReversed())).toBe(labelsKey(labels));
      }),
    );
  });

  test('tells different sets apart, separators in keys and values included', () => {
    const canonical = (labels: Label[]) => JSON.stringify(labels.map((own) => JSON.stringify(own)).sort());
    fc.assert(
      fc.property(fc.array(label, { maxLength: 3 }), fc.array(label, { maxLength: 3 }), (a, b) => {
        expect(labelsKey(a) === labelsKey(b)).toBe(canonical(a) === canonical(b));
      }),
      { numRuns: 2000 },
    );
  });
});

test('keys that only the system may use', () => {
  const forged = [
    'io.kubernetes.pod.namespace',
    'io.cilium.k8s.policy.serviceaccount',
    'io.cilium.k8s.namespace.labels.team',
    'io.cilium.k8s.policy.cluster',
  ];
  expect(forged.filter(isInternalKey)).toEqual(forged);
  expect(
    ['host', 'world', 'app', 'io.kubernetes.pod.name', 'kubernetes.io/metadata.name'].filter(isInternalKey),
  ).toEqual([]);
});
