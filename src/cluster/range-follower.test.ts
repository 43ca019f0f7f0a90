import { expect, it } from 'vitest';
import { FakeClock } from '../base/testkit.ts';
import { CidrIdentities, RESERVED_IDS } from '../identity/index.ts';
import type { ObjectRow } from '../model/index.ts';
import { type Addr, Prefix, parseAddr } from '../net/index.ts';
import { sampleService } from '../service/samples.ts';
import type { Table } from '../table/index.ts';
import { AddressBook } from './address-book.ts';
import { Intent } from './intent.ts';
import { RangeFollower } from './range-follower.ts';
import { RangeOwners } from './range-owners.ts';
import { nodeRow, podRow } from './samples.ts';

const { 'service-range': SERVICES, 'pod-range': PODS } = RESERVED_IDS;

function scene(podCIDR?: string, remembered: string[] = []) {
  const clock = new FakeClock();
  const intent = new Intent();
  const book = new AddressBook({ cidrs: new CidrIdentities(), cidrSelects: [] });
  const told = new Set<Addr>();
  const ranges = new RangeFollower({
    intent,
    elsewhere: { toldAddresses: () => told.keys() },
    owners: new RangeOwners(),
    book,
    podCIDR: podCIDR === undefined ? undefined : Prefix.parse(podCIDR),
    remembered: remembered.map((text) => Prefix.parse(text)),
  });
  const apply = <T extends ObjectRow>(table: Table<T>, upserts: T[], deletes: T[] = []) => {
    table.apply({ upserts, deletes, synced: true });
    ranges.follow(clock.now());
  };
  const at = (...addrs: string[]) => {
    ranges.follow(clock.now());
    book.desired();
    return addrs.map((addr) => book.rangeOf(parseAddr(addr)));
  };
  return { intent, told, apply, at, clock };
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
  const { intent, apply, at } = scene();
  apply(intent.services, [service('web', '10.96.0.10', '10.200.0.1')]);
  intent.serviceRanges.set(Prefix.parse('10.96.0.0/12'));
  expect(at('10.96.0.10', '10.111.0.1', '10.200.0.1', '10.200.0.2')).toEqual([SERVICES, SERVICES, SERVICES, undefined]);
});

it('covers what nodes give to their pods, and what this one is told to', () => {
  const { intent, apply, at } = scene('10.50.0.0/24');
  const node = (cidrs: string[]) => nodeRow('node-2', ['172.18.0.3'], cidrs);
  apply(intent.nodes, [node(['10.244.2.0/24', 'nonsense', 'fd00:2::/64'])]);
  expect(at('10.244.2.9', '10.50.0.9', '10.244.1.9', 'fd00:2::9')).toEqual([PODS, PODS, undefined, PODS]);
});

it('keeps the range of a node that is gone nobody’s for a while, and as long as a pod has an address of it', async () => {
  const { intent, told, apply, at, clock } = scene();
  const node = nodeRow('node-2', ['172.18.0.3'], ['10.244.2.0/24', '10.244.3.0/24']);
  const left = parseAddr('10.244.2.9');
  apply(intent.nodes, [node]);
  told.add(left);
  apply(intent.pods, [podRow('done', {}, { phase: 'Succeeded', podIPs: ['10.244.3.9'] })]);
  apply(intent.nodes, [], [node]);
  await clock.advance(599_000);
  expect(at('10.244.2.7', '10.244.3.7')).toEqual([PODS, PODS]);
  await clock.advance(1_000);
  expect(at('10.244.2.7', '10.244.3.7')).toEqual([PODS, undefined]);
  told.delete(left);
  await clock.advance(600_000);
  expect(at('10.244.2.7')).toEqual([undefined]);
});

it('keeps what an earlier life knew, unless a Node has it', async () => {
  const { intent, apply, at, clock } = scene(undefined, ['10.244.2.0/24', '10.244.3.0/24']);
  expect(at('10.244.2.7', '10.244.3.7')).toEqual([PODS, PODS]);
  apply(intent.nodes, [nodeRow('node-3', [], ['10.244.3.0/24'])]);
  await clock.advance(600_000);
  expect(at('10.244.2.7', '10.244.3.7')).toEqual([undefined, PODS]);
});
