import { expect, it } from 'vitest';
import { AddressBook, CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import type { KubeRow } from '../kube/index.ts';
import { Prefix, parseAddr } from '../net/index.ts';
import { sampleService } from '../service/samples.ts';
import { nodeRow } from './fake-node.ts';
import { Intent, type IntentTable } from './intent.ts';
import { RangeFollower } from './range-follower.ts';

const { 'service-range': SERVICES, 'pod-range': PODS } = RESERVED_IDS;

function scene(podCIDR?: string) {
  const intent = new Intent();
  const book = new AddressBook({ cidrs: new CidrIdentities(), cidrSelects: [] });
  const ranges = new RangeFollower({
    intent,
    book,
    podCIDR: podCIDR === undefined ? undefined : Prefix.parse(podCIDR),
  });
  const apply = <T extends KubeRow>(table: IntentTable<T>, upserts: T[], deletes: T[] = []) => {
    table.apply({ upserts, deletes, rejected: [], synced: true });
    ranges.follow();
  };
  const at = (...addrs: string[]) => {
    ranges.follow();
    book.desired();
    return addrs.map((addr) => book.rangeOf(parseAddr(addr)));
  };
  return { intent, ranges, apply, at };
}

const service = (name: string, ...clusterIPs: string[]) => sampleService({ name, clusterIPs });

it('covers each ClusterIP that is given out while nobody says what the range is', () => {
  const { intent, apply, at } = scene();
  apply(intent.services, [service('web', '10.96.0.10'), service('headless', 'None')]);
  expect(at('10.96.0.10', '10.96.0.11')).toEqual([SERVICES, undefined]);
  apply(intent.services, [service('web', '10.96.0.11')]);
  expect(at('10.96.0.10', '10.96.0.11')).toEqual([undefined, SERVICES]);
  apply(intent.services, [], [service('web', '10.96.0.11')]);
  expect(at('10.96.0.11')).toEqual([undefined]);
});

it('covers the ranges that are known, and what was given out of others', () => {
  const { intent, ranges, apply, at } = scene();
  apply(intent.services, [service('web', '10.96.0.10', '10.200.0.1')]);
  ranges.know([Prefix.parse('10.96.0.0/12')]);
  expect(at('10.96.0.10', '10.111.0.1', '10.200.0.1', '10.200.0.2')).toEqual([SERVICES, SERVICES, SERVICES, undefined]);
});

it('covers what nodes give to their pods, and what this one is told to', () => {
  const { intent, apply, at } = scene('10.50.0.0/24');
  const node = (cidrs: string[]) => nodeRow('node-2', ['172.18.0.3'], cidrs);
  apply(intent.nodes, [node(['10.244.2.0/24', 'nonsense', 'fd00:2::/64'])]);
  expect(at('10.244.2.9', '10.50.0.9', '10.244.1.9', 'fd00:2::9')).toEqual([PODS, PODS, undefined, PODS]);
  apply(intent.nodes, [node([])]);
  expect(at('10.244.2.9')).toEqual([undefined]);
});
