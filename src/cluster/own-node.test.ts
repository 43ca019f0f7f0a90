import { expect, test } from 'vitest';
import { type Addr, parseAddr } from '../net/index.ts';
import { Intent } from './intent.ts';
import { ObjectProblems } from './object-problems.ts';
import { OwnNode } from './own-node.ts';
import { nodeRow } from './samples.ts';

const [HERE, OTHER, PUBLIC] = ['172.18.0.2', '172.18.0.9', '203.0.113.5'].map(parseAddr) as [Addr, Addr, Addr];

function node() {
  const intent = new Intent([]);
  const problems = new ObjectProblems();
  const has = new Set([HERE]);
  const own = new OwnNode({ intent, problems, nodeName: 'a', sendsAs: HERE, addresses: () => [...has] });
  const put = (...addresses: string[]) => {
    intent.nodes.apply({ upserts: [nodeRow('a', addresses, [])], deletes: [], synced: true });
    own.follow();
  };
  const told = () =>
    problems.take().map(({ subject, problems: said }) => [subject.kind, subject.name, said[0]?.reason]);
  return { own, put, told, has };
}

test('that is where it says is no problem, nor one that is not known yet', () => {
  const { own, put, told } = node();
  own.follow();
  expect(own.problems).toEqual([]);
  put(HERE, PUBLIC);
  expect([own.problems, told()]).toEqual([[], []]);
});

test('whose address was changed is told that others drop what it sends, and that nothing comes to it', () => {
  const { own, put, told } = node();
  put(HERE);
  put(OTHER);
  expect(own.problems).toEqual([
    expect.stringContaining(`sends to other nodes as ${HERE}, which is none of the addresses of its Node (${OTHER})`),
    expect.stringContaining(`${OTHER}, by which other nodes know it, is no address of this machine`),
  ]);
  expect(told()).toEqual([['Node', 'a', 'AddressConflict']]);
  put(OTHER);
  expect(told()).toEqual([]);
  put(HERE);
  expect([own.problems, told()]).toEqual([[], []]);
});

test('that is first at an address of nobody here hears nothing, though it is believed', () => {
  const { own, put } = node();
  put(PUBLIC, HERE);
  expect(own.problems).toEqual([expect.stringContaining(`${PUBLIC}, by which other nodes know it`)]);
});

test('follows the addresses of the machine as well', () => {
  const { own, put, has } = node();
  put(HERE);
  has.delete(HERE);
  has.add(OTHER);
  own.follow();
  expect(own.problems).toEqual([expect.stringContaining(`${HERE}, by which other nodes know it, is no address`)]);
  has.add(HERE);
  own.follow();
  expect(own.problems).toEqual([]);
});

test('without an IPv4 address is known to nobody', () => {
  const { own, put } = node();
  put('fd00::2', 'node-1.example');
  expect(own.problems).toEqual([expect.stringContaining('its Node has no IPv4 address')]);
});

test('without a tunnel its pods send as themselves: only what comes to it is asked about', () => {
  const intent = new Intent([]);
  const problems = new ObjectProblems();
  const own = new OwnNode({ intent, problems, nodeName: 'a', sendsAs: undefined, addresses: () => [HERE] });
  const put = (...addresses: string[]) => {
    intent.nodes.apply({ upserts: [nodeRow('a', addresses, [])], deletes: [], synced: true });
    own.follow();
  };
  put(HERE);
  expect(own.problems).toEqual([]);
  put(OTHER);
  expect(own.problems).toEqual([expect.stringContaining(`${OTHER}, by which other nodes know it`)]);
});
