import { describe, expect, test } from 'vitest';
import { namespacedName } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { CidrIdentities, ClusterNumbers, Placements, RESERVED_IDS } from '../identity/index.ts';
import { StoredObjects } from '../identity/objects-testkit.ts';
import { sampleWorkload } from '../identity/samples.ts';
import { type IdentityObject, identityId, type NodeEndpoint } from '../model/index.ts';
import { parseAddr } from '../net/index.ts';
import { AddressBook } from './address-book.ts';
import { Intent } from './intent.ts';
import { ObjectProblems } from './object-problems.ts';
import { nodeSlice } from './others-testkit.ts';
import { PodsElsewhere } from './pods-elsewhere.ts';
import { RangeOwners } from './range-owners.ts';
import { nodeRow } from './samples.ts';

const endpoint = (name: string, identity: number, ...addresses: string[]): NodeEndpoint => ({
  namespace: 'shop',
  name,
  own: { identity: identityId(identity), addresses: addresses.map(parseAddr) },
});

const NODES = [
  nodeRow('node-1', ['172.18.0.2'], ['10.244.1.0/24']),
  nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24']),
  nodeRow('node-3', ['172.18.0.4'], ['10.244.3.0/24']),
];

/** What node-1 makes of what others tell. Numbers 256 and 257 mean somebody. */
function scene() {
  const intent = new Intent();
  const numbers = new ClusterNumbers({
    placements: new Placements({ store: new StoredObjects(), clock: new FakeClock() }),
  });
  const stands = (id: number, app: string): IdentityObject => {
    const name = String(id);
    const workload = sampleWorkload({ app });
    return {
      uid: `uid-${name}`,
      namespace: '',
      name,
      id: identityId(id),
      workload,
      retiring: false,
      resourceVersion: '1',
    };
  };
  /** What the API shows now, and passes in which the kernel hears of it. */
  const show = (...objects: readonly IdentityObject[]): void => {
    const { rows } = numbers.objects;
    const deletes = Array.from(rows.values()).filter(({ name }) => objects.every((object) => object.name !== name));
    numbers.objects.apply({ upserts: [...objects], deletes, synced: true });
    numbers.follow();
    numbers.expire();
  };
  const both = [stands(256, 'a'), stands(257, 'b')];
  show(...both);
  const book = new AddressBook({ cidrs: new CidrIdentities(), cidrSelects: [] });
  const problems = new ObjectProblems();
  const owners = new RangeOwners();
  const elsewhere = new PodsElsewhere({ intent, numbers, book, owners, problems, nodeName: 'node-1' });
  for (const node of NODES) intent.nodes.set(node);
  const at = (...addrs: string[]) => {
    elsewhere.follow();
    return addrs.map((addr) => {
      const claim = book.ownerOf(parseAddr(addr));
      return claim && `${claim.owner.key} ${claim.identity} ${claim.tunnel}`;
    });
  };
  const why = () => {
    elsewhere.follow();
    return Object.fromEntries(elsewhere.disbelieved);
  };
  return { intent, stands, show, both, book, problems, elsewhere, at, why };
}

const name = (pod: string) => namespacedName({ namespace: 'shop', name: pod });

describe('pods of other nodes', () => {
  test('are where and who their node says, under its address', () => {
    const { intent, elsewhere, at, why } = scene();
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('a', 256, '10.244.2.7'), endpoint('b', 257, '10.244.2.8')]));
    expect(at('10.244.2.7', '10.244.2.8')).toEqual(['shop/a 256 172.18.0.3', 'shop/b 257 172.18.0.3']);
    expect(elsewhere.get(name('b'))).toMatchObject({
      node: 'node-2',
      identity: { id: 257 },
      addresses: ['10.244.2.8'],
    });
    expect(Array.from(elsewhere.pods(), ({ pod }) => pod)).toEqual(['shop/a', 'shop/b']);
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('b', 256, '10.244.2.8')]));
    expect(at('10.244.2.7', '10.244.2.8')).toEqual([undefined, 'shop/b 256 172.18.0.3']);
    intent.nodeSlices.delete(namespacedName({ name: 'node-2.0' }));
    expect(at('10.244.2.8')).toEqual([undefined]);
    expect([why(), elsewhere.get(name('b')), elsewhere.isTold(parseAddr('10.244.2.8'))]).toEqual([
      {},
      undefined,
      false,
    ]);
  });

  test('of this node are not elsewhere', () => {
    const { intent, elsewhere, at } = scene();
    intent.nodeSlices.set(nodeSlice('node-1', [endpoint('a', 256, '10.244.1.7')]));
    expect(at('10.244.1.7')).toEqual([undefined]);
    expect(elsewhere.get(name('a'))).toBeUndefined();
  });

  test('follow their node: another address of it, another Node of its name, none', () => {
    const { intent, at, why } = scene();
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('a', 256, '10.244.2.7')]));
    intent.nodes.set(nodeRow('node-2', ['172.18.0.9'], ['10.244.2.0/24']));
    expect(at('10.244.2.7')).toEqual(['shop/a 256 172.18.0.9']);
    intent.nodes.set({ ...nodeRow('node-2', ['172.18.0.9'], ['10.244.2.0/24']), uid: 'another' });
    expect([at('10.244.2.7'), why()]).toEqual([[undefined], { '10.244.2.7': 'no-node' }]);
    intent.nodes.delete(namespacedName({ name: 'node-2' }));
    expect([at('10.244.2.7'), why()]).toEqual([[undefined], { '10.244.2.7': 'no-node' }]);
    intent.nodes.set(nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24']));
    expect([at('10.244.2.7'), why()]).toEqual([['shop/a 256 172.18.0.3'], {}]);
  });
});

describe('nobody has, and all else stays as it is', () => {
  test.each([
    ['outside of what its node gives out', '10.244.3.7'],
    ['of a node', '172.18.0.4'],
    ['of the world', '198.51.100.7'],
  ])('an address %s', (_what, addr) => {
    const { intent, problems, at, why } = scene();
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('a', 256, addr), endpoint('b', 257, '10.244.2.8')]));
    expect(at(addr, '10.244.2.8')).toEqual([undefined, 'shop/b 257 172.18.0.3']);
    expect(why()).toEqual({ [addr]: 'foreign-address' });
    expect(problems.take()).toMatchObject([
      { subject: { name: 'node-2.0' }, problems: [{ reason: 'AddressRefused' }] },
    ]);
  });

  test('an address of two pods, until one of both is left', () => {
    const { intent, problems, at, why } = scene();
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('a', 256, '10.244.2.7')]));
    expect(at('10.244.2.7')).toEqual(['shop/a 256 172.18.0.3']);
    const second = (...addrs: string[]) => nodeSlice('node-2', [endpoint('b', 257, ...addrs)], { slice: 1 });
    intent.nodeSlices.set(second('10.244.2.7', '10.244.2.8'));
    expect(at('10.244.2.7', '10.244.2.8')).toEqual([undefined, 'shop/b 257 172.18.0.3']);
    expect(why()).toEqual({ '10.244.2.7': 'told-twice' });
    expect(problems.take().map(({ subject }) => subject.name)).toEqual(['node-2.0', 'node-2.1']);
    intent.nodeSlices.set(second('10.244.2.8'));
    expect([at('10.244.2.7'), why()]).toEqual([['shop/a 256 172.18.0.3'], {}]);
  });

  test('what a node tells of the pods of another: these keep what they have', () => {
    const { intent, problems, elsewhere, at, why } = scene();
    intent.nodeSlices.set(nodeSlice('node-3', [endpoint('b', 257, '10.244.2.7')]));
    intent.nodeSlices.set(nodeSlice('node-9', [endpoint('c', 257, '10.244.2.7')]));
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('a', 256, '10.244.2.7')]));
    expect(at('10.244.2.7')).toEqual(['shop/a 256 172.18.0.3']);
    expect(Object.keys(why())).toEqual(['10.244.2.7']);
    expect(problems.take().map(({ subject }) => subject.name)).toEqual(['node-3.0']);
    expect(['a', 'b', 'c'].map((pod) => elsewhere.get(name(pod))?.node)).toEqual(['node-2', undefined, undefined]);
  });

  test.each([
    ['the same range', '10.244.2.0/24'],
    ['a range around it', '10.244.0.0/16'],
    ['a range in it', '10.244.2.0/28'],
  ])('an address that two nodes give out: another one has %s', (_what, range) => {
    const { intent, at, why } = scene();
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('a', 256, '10.244.2.7'), endpoint('b', 256, '10.244.2.77')]));
    expect(at('10.244.2.7')).toEqual(['shop/a 256 172.18.0.3']);
    intent.nodes.set(nodeRow('node-3', ['172.18.0.4'], [range]));
    expect([at('10.244.2.7'), why()['10.244.2.7']]).toEqual([[undefined], 'foreign-address']);
    expect(at('10.244.2.77')).toEqual([range.endsWith('/28') ? 'shop/b 256 172.18.0.3' : undefined]);
    intent.nodes.set(nodeRow('node-3', ['172.18.0.4'], ['10.244.3.0/24']));
    expect([at('10.244.2.7'), why()]).toEqual([['shop/a 256 172.18.0.3'], {}]);
  });

  test('a pod whose number means nobody, until it does', () => {
    const { intent, stands, show, both, at, why } = scene();
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('a', 258, '10.244.2.7')]));
    expect([at('10.244.2.7'), why()]).toEqual([[undefined], { '10.244.2.7': 'unknown-identity' }]);
    show(...both, stands(258, 'c'));
    expect([at('10.244.2.7'), why()]).toEqual([['shop/a 258 172.18.0.3'], {}]);
    show(...both);
    expect([at('10.244.2.7'), why()]).toEqual([[undefined], { '10.244.2.7': 'unknown-identity' }]);
  });

  test('the address of a node that a pod elsewhere claims', () => {
    const { intent, book, at } = scene();
    intent.nodes.set(nodeRow('node-2', ['172.18.0.3'], ['172.18.0.0/24']));
    book.setNode(namespacedName({ name: 'node-3' }), [parseAddr('172.18.0.4')]);
    intent.nodeSlices.set(nodeSlice('node-2', [endpoint('a', 256, '172.18.0.4')]));
    expect(at('172.18.0.4')).toEqual([`node-3 ${RESERVED_IDS['remote-node']} null`]);
  });
});
