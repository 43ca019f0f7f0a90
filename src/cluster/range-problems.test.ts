import { expect, test } from 'vitest';
import { Prefix } from '../net/index.ts';
import { Intent } from './intent.ts';
import { ObjectProblems } from './object-problems.ts';
import { podRangesOf } from './pod-ranges.ts';
import { RangeOwners } from './range-owners.ts';
import { RangeProblems } from './range-problems.ts';
import { nodeRow } from './samples.ts';

function cluster(nodeName = 'a') {
  const intent = new Intent([]);
  const owners = new RangeOwners();
  const problems = new ObjectProblems();
  const ranges = new RangeProblems({ intent, owners, problems, nodeName });
  intent.serviceRanges.apply({ upserts: [Prefix.parse('10.96.0.0/16')], deletes: [], synced: true });
  const put = (name: string, address: string, ...cidrs: string[]) => {
    const node = nodeRow(name, [address], cidrs);
    intent.nodes.apply({ upserts: [node], deletes: [], synced: true });
    owners.set(name, podRangesOf(node));
    ranges.follow();
  };
  const told = () =>
    problems.take().flatMap(({ subject, problems: said }) => said.map((one) => [subject.name, one.reason]));
  return { ranges, put, told };
}

test('ranges that meet nothing are no problem', () => {
  const { ranges, put, told } = cluster();
  put('a', '172.18.0.2', '10.244.1.0/24', 'fd00:1::/64');
  put('b', '172.18.0.3', '10.244.2.0/24', 'fd00:2::/64');
  put('c', '172.18.0.4');
  expect([ranges.found.size, told()]).toEqual([0, []]);
});

test.each([
  ['one range of two nodes', '10.244.1.0/24', 'given to pods by b as well'],
  ['a range within that of another', '10.244.1.128/25', 'given to pods by b as well'],
  ['a range around that of another', '10.0.0.0/8', 'given to pods by b as well'],
])('%s is said of both, and by each of its own', (_, cidr, text) => {
  const { ranges, put, told } = cluster();
  put('b', '172.18.0.3', cidr);
  expect(told()).toEqual([]);
  put('a', '172.18.0.2', '10.244.1.0/24');
  expect(ranges.found.get('a')?.join()).toContain(text);
  expect(ranges.found.get('b')?.join()).toContain('given to pods by a as well');
  expect(told()).toEqual([['a', 'RangeConflict']]);
  put('b', '172.18.0.3', '10.244.2.0/24');
  expect([ranges.found.size, told()]).toEqual([0, []]);
});

test('a range of pods that meets one of services', () => {
  const { ranges, put } = cluster();
  put('a', '172.18.0.2', '10.96.128.0/24');
  expect(ranges.found.get('a')).toEqual([expect.stringContaining('meets the range of services 10.96.0.0/16')]);
});

test('an address of a node that pods may get', () => {
  const { ranges, put } = cluster();
  put('a', '172.18.0.2', '10.244.1.0/24');
  put('b', '10.244.1.9', '10.244.2.0/24');
  const said = 'its address 10.244.1.9 lies in a range that a gives to pods: only pods there may have it';
  expect([...ranges.found]).toEqual([['b', [expect.stringContaining(said)]]]);
  put('b', '10.244.2.9', '10.244.2.0/24');
  expect(ranges.found.get('b')).toEqual([expect.stringContaining("it is the node's, and no pod's")]);
});

test('the same is said once, and again when it comes back', () => {
  const { put, told } = cluster();
  put('a', '172.18.0.2', '10.244.1.0/24');
  for (const cidr of ['10.244.1.0/24', '10.244.1.0/24', '10.244.2.0/24', '10.244.1.0/24']) put('b', '172.18.0.3', cidr);
  expect(told()).toHaveLength(2);
});
