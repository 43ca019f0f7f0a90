import fc from 'fast-check';
import { expect, test } from 'vitest';
import { identityId, type NodeEndpoint, type NodeEndpointSlice } from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { isSliceOf, planSlices, SLICE_SIZE, type SliceContent } from './node-slices.ts';
import { nodeSlice } from './others-testkit.ts';

const pod = (number: number, addr = number, identity = 256): NodeEndpoint => ({
  namespace: 'shop',
  name: `pod-${number}`,
  own: { identity: identityId(identity), addresses: [parseAddr(`10.244.2.${addr}`)] },
});
const pods = (...numbers: number[]) => numbers.map((number) => pod(number));
const plan = (endpoints: NodeEndpoint[], ...shown: NodeEndpointSlice[]) =>
  planSlices({ node: 'node-2', nodeUid: 'uid-node-2', endpoints, shown });
const slice = (number: number, endpoints: NodeEndpoint[]) => nodeSlice('node-2', endpoints, { slice: number });
const written = ({ slice: number, endpoints }: SliceContent) => [number, endpoints.map(({ name }) => name)];

test('a new pod gets into the first slice with room; no other slice is written', () => {
  const full = slice(0, pods(...Array.from({ length: SLICE_SIZE }, (_, n) => n)));
  const roomy = slice(1, pods(100));
  const { writes, deletes } = plan([...full.endpoints, pod(100), pod(101)], full, roomy);
  expect([writes.map(written), deletes]).toEqual([[[1, ['pod-100', 'pod-101']]], []]);
});

test('a slice without pods is deleted, one of a former Node of the name is written anew', () => {
  const { writes, deletes } = plan(pods(2), slice(0, pods(1)), { ...slice(3, pods(2)), nodeUid: 'former' });
  expect([writes.map(written), deletes.map(({ name }) => name)]).toEqual([[[3, ['pod-2']]], ['node-2.0']]);
});

test('a slice is written anew for whatever is told of a pod', () => {
  const later = { ...pod(1), later: true };
  expect(plan([later], slice(0, pods(1))).writes.map(written)).toEqual([[0, ['pod-1']]]);
  expect(plan([later], slice(0, [later])).writes).toEqual([]);
});

test('an address is given up in one slice before it is told of in another', () => {
  const { writes } = plan(
    [pod(1), pod(3), pod(2, 9)],
    slice(0, [pod(1)]),
    slice(1, [pod(2, 9), pod(4, 5)]),
    slice(2, []),
  );
  expect(writes.map(written)[0]).toEqual([1, ['pod-2']]);
  const swapped = plan([pod(1, 8), pod(2, 7)], slice(0, [pod(1, 7)]), slice(1, [pod(2, 9)]));
  expect(swapped.writes.map(({ slice: number }) => number)).toEqual([0, 1]);
});

test('what a node has told of two slices under one name stays in the first', () => {
  const { writes, deletes } = plan(pods(1), slice(0, pods(1)), slice(1, pods(1)));
  expect([writes, deletes.map(({ name }) => name)]).toEqual([[], ['node-2.1']]);
});

test.each([
  ['a.0', 'a', true],
  ['a.10', 'a', true],
  ['a.b.0', 'a', false],
  ['a.b.0', 'a.b', true],
  ['a.00', 'a', false],
  ['a.x', 'a', false],
  ['ab.0', 'a', false],
])('%s tells of %s: %s', (name, node, is) => expect(isSliceOf(name, node)).toBe(is));

test('whatever comes and goes: once written, all is told, once, in slices that are not too large, and nothing is left to do', () => {
  const wanted = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 50 });
  fc.assert(
    fc.property(fc.array(wanted, { maxLength: 6 }), (rounds) => {
      const shown = new Map<number, NodeEndpointSlice>();
      for (const numbers of rounds) {
        const before = new Map(
          Array.from(shown.values()).flatMap((one) => one.endpoints.map(({ name }) => [name, one.slice])),
        );
        const { writes, deletes } = plan(pods(...numbers), ...shown.values());
        for (const { slice: number, endpoints } of writes) shown.set(number, slice(number, [...endpoints]));
        for (const { slice: number } of deletes) shown.delete(number);
        const told = Array.from(shown.values()).flatMap((one) =>
          one.endpoints.map(({ name }) => [name, one.slice] as const),
        );
        expect(told.map(([name]) => name).toSorted()).toEqual(
          pods(...numbers)
            .map(({ name }) => name)
            .toSorted(),
        );
        expect(Math.max(0, ...Array.from(shown.values(), ({ endpoints }) => endpoints.length))).toBeLessThanOrEqual(
          SLICE_SIZE,
        );
        for (const [name, number] of told) expect(before.get(name) ?? number).toBe(number);
        expect(plan(pods(...numbers), ...shown.values())).toEqual({ writes: [], deletes: [] });
      }
    }),
  );
});
