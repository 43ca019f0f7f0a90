import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Table } from './table.ts';

type Pod = { readonly name: string; readonly node: string; readonly labels: readonly string[] };

const pods = (maxDeletions?: number): Table<string, Pod> =>
  new Table({
    name: 'pods',
    key: (pod) => pod.name,
    indexes: { node: (pod) => [pod.node], label: (pod) => pod.labels },
    equal: (a, b) => JSON.stringify(a) === JSON.stringify(b),
    ...(maxDeletions === undefined ? {} : { maxDeletions }),
  });

const pod = (name: string, node = 'n1', labels: readonly string[] = []): Pod => ({ name, node, labels });

describe('Table', () => {
  it('keeps indexes true through changes and deletions', () => {
    const table = pods();
    table.set(pod('a', 'n1', ['x', 'y']));
    table.set(pod('b', 'n1', ['y']));
    expect(table.find('label', 'y').map((p) => p.name)).toEqual(['a', 'b']);
    table.set(pod('a', 'n2', ['x']));
    expect(table.find('node', 'n1').map((p) => p.name)).toEqual(['b']);
    expect(table.find('label', 'y').map((p) => p.name)).toEqual(['b']);
    expect(table.delete('b')).toEqual(pod('b', 'n1', ['y']));
    expect(table.delete('b')).toBeUndefined();
    expect(table.find('label', 'y')).toEqual([]);
    expect(() => table.find('nothing', 'y')).toThrow(/no index/);
  });

  it('has no change where nothing changed', () => {
    const table = pods();
    expect(table.set(pod('a'))).toBe(true);
    expect(table.set(pod('a'))).toBe(false);
    expect(table.revision).toBe(1);
    table.replace([pod('a'), pod('b')]);
    expect(table.revision).toBe(2);
    table.replace([pod('b')]);
    expect(table.keys()).toEqual(['b']);
  });

  it('lets a reader that follows the changes arrive at the same rows', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      node: fc.constantFrom('n1', 'n2'),
      gone: fc.boolean(),
      read: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 3 }), (steps, maxDeletions) => {
        const table = pods(maxDeletions);
        const copy = new Map<string, Pod>();
        let seen = 0;
        const read = (): void => {
          const batch = table.changesSince(seen);
          if (batch.complete) copy.clear();
          for (const change of batch.changes) {
            if (change.kind === 'set') copy.set(change.key, change.row);
            else copy.delete(change.key);
          }
          seen = batch.revision;
        };
        for (const { name, node, gone, read: reads } of steps) {
          if (gone) table.delete(name);
          else table.set(pod(name, node));
          if (reads) read();
        }
        read();
        expect([...copy.values()].toSorted((a, b) => a.name.localeCompare(b.name))).toEqual(
          table.list().toSorted((a, b) => a.name.localeCompare(b.name)),
        );
      }),
    );
  });

  it('gives each row once however often it changed', () => {
    const table = pods();
    table.set(pod('a'));
    const { revision } = table.changesSince(0);
    for (let i = 0; i < 5000; i += 1) table.set(pod('a', `n${i}`));
    expect(table.changesSince(revision).changes).toEqual([{ kind: 'set', key: 'a', row: pod('a', 'n4999') }]);
  });

  it('watches in batches until aborted', async () => {
    const table = pods();
    const controller = new AbortController();
    const seen: string[][] = [];
    const watching = (async () => {
      for await (const batch of table.watch(controller.signal))
        seen.push(batch.changes.map((c) => `${c.kind} ${c.key}`));
    })();
    await new Promise((resolve) => setImmediate(resolve));
    table.set(pod('a'));
    table.set(pod('b'));
    await new Promise((resolve) => setImmediate(resolve));
    table.delete('a');
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await watching;
    expect(seen).toEqual([[], ['set a', 'set b'], ['deleted a']]);
  });
});
