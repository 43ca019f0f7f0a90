import { expect, test } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { ReceiptSweep } from './receipt-sweep.ts';

const HOUR = 3_600_000;

function sweepOf(...names: string[]) {
  const there = new Set(names);
  const nodes = new Set(names);
  const clock = new FakeClock(1_000_000);
  let checks = 0;
  const receipts = {
    list: async () => Array.from(there, (name) => ({ name, uid: name, namespace: '', heard: 1 })),
    remove: async (name: string) => {
      there.delete(name);
    },
  };
  const view = { synced: true, isNode: (name: string) => nodes.has(name) };
  const sweep = new ReceiptSweep({ receipts, view, clock, log: silentLogger });
  const look = async () => {
    await sweep.look(() => {
      checks += 1;
    });
    return [...there].sort();
  };
  return { nodes, clock, view, look, checks: () => checks };
}

test('a receipt of a node that is gone goes, and no other', async () => {
  const { nodes, clock, look } = sweepOf('a', 'b');
  expect(await look()).toEqual(['a', 'b']);
  nodes.delete('b');
  await clock.advance(HOUR);
  expect(await look()).toEqual(['a', 'b']);
  await clock.advance(HOUR);
  expect(await look()).toEqual(['a']);
});

test('one that comes back begins anew', async () => {
  const { nodes, clock, look } = sweepOf('a');
  nodes.delete('a');
  await look();
  await clock.advance(HOUR - 1);
  nodes.add('a');
  await look();
  await clock.advance(HOUR);
  nodes.delete('a');
  expect(await look()).toEqual(['a']);
  await clock.advance(HOUR - 1);
  expect(await look()).toEqual(['a']);
});

test('looks seldom, and never before it knows the nodes', async () => {
  const { nodes, clock, view, look, checks } = sweepOf('a');
  nodes.clear();
  view.synced = false;
  await look();
  expect(checks()).toBe(0);
  view.synced = true;
  for (let i = 0; i < 5; i += 1) await look();
  expect(checks()).toBe(1);
  await clock.advance(600_000);
  await look();
  expect(checks()).toBe(2);
});
