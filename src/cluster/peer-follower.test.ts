import { expect, test } from 'vitest';
import type { NamespacedName } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { CidrIdentities, ClusterNumbers, Placements, RESERVED_IDS } from '../identity/index.ts';
import { StoredObjects } from '../identity/objects-testkit.ts';
import { identityId } from '../model/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { AddressBook } from './address-book.ts';
import { Intent } from './intent.ts';
import { PeerFollower } from './peer-follower.ts';
import { podRangesOf } from './pod-ranges.ts';
import { RangeOwners } from './range-owners.ts';
import { nodeRow } from './samples.ts';

const NODE = RESERVED_IDS['remote-node'];
const RANGES: Readonly<Record<string, string>> = { n1: '10.244.1.0/24', n2: '10.244.2.0/24', n3: '10.244.3.0/24' };

/** What n1 makes of Nodes; a pod of n2 has 10.244.2.7. */
function world() {
  const intent = new Intent();
  const book = new AddressBook({ cidrs: new CidrIdentities(), cidrSelects: [] });
  const owners = new RangeOwners();
  const numbers = new ClusterNumbers({
    placements: new Placements({ store: new StoredObjects(), clock: new FakeClock() }),
  });
  const repository = { upsertIdentity: () => undefined };
  const follower = new PeerFollower({ intent, numbers, repository, book, owners, nodeName: 'n1' });
  book.followRanges({ pods: [Prefix.parse('10.244.0.0/16')], services: [] });
  const owner = { kind: 'pod', key: 'shop/a' as NamespacedName } as const;
  book.setPod(parseAddr('10.244.2.7'), { owner, identity: identityId(256), tunnel: parseAddr('172.18.0.3') });
  const put = (name: string, addrs: string[], ...ranges: string[]) => {
    const node = nodeRow(name, addrs, ranges.length === 0 ? [RANGES[name] ?? ''] : ranges);
    intent.nodes.set(node);
    owners.set(name, podRangesOf(node));
    follower.follow();
  };
  put('n2', ['172.18.0.3']);
  const at = (addr: string) => {
    const row = book.desired().get(`${addr}/32`)?.value;
    return row && [row.identity as number, row.tunnel];
  };
  return { intent, book, put, at };
}

test('a kubelet that says it has the address of a pod of another node takes nothing', () => {
  const { put, at } = world();
  put('n3', ['172.18.0.4', '10.244.2.7', '10.244.3.1']);
  expect(at('172.18.0.4')).toEqual([NODE, '172.18.0.4']);
  expect(at('10.244.2.7')).toEqual([256, '172.18.0.3']);
  // What it gives out is its own.
  expect(at('10.244.3.1')).toEqual([NODE, '172.18.0.4']);
});

test('also when the range is given out later than the address was said', () => {
  const { put, at } = world();
  put('n3', ['172.18.0.4', '10.244.4.9']);
  expect(at('10.244.4.9')).toEqual([NODE, '172.18.0.4']);
  put('n4', ['172.18.0.5'], '10.244.4.0/24');
  expect(at('10.244.4.9')).toBeUndefined();
  put('n4', ['172.18.0.5'], '10.244.5.0/24');
  expect(at('10.244.4.9')).toEqual([NODE, '172.18.0.4']);
});

test('a node is told of once while nothing of it is other, and forgotten when it is gone', () => {
  const { intent, book, put, at } = world();
  put('n3', ['172.18.0.4']);
  const { generation } = book;
  put('n3', ['172.18.0.4']);
  expect(book.generation).toBe(generation);
  intent.nodes.delete('n3' as NamespacedName);
  put('n2', ['172.18.0.3']);
  expect(at('172.18.0.4')).toBeUndefined();
  put('n3', ['172.18.0.4']);
  expect(at('172.18.0.4')).toEqual([NODE, '172.18.0.4']);
});
