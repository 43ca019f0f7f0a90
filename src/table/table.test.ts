import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Table } from './table.ts';

type Pod = { readonly name: string; readonly node: string };

const pods = (): Table<Pod> => new Table(({ name }) => name);
const pod = (name: string, node = 'n1'): Pod => ({ name, node });

describe('Table', () => {
  it('is whole from the batch on that says so', () => {
    const table = pods();
    table.apply({ upserts: [pod('a')], deletes: [], synced: false });
    expect(table.synced).toBe(false);
    table.apply({ upserts: [], deletes: [], synced: true });
    table.apply({ upserts: [pod('b')], deletes: [pod('a')], synced: false });
    expect(table.synced).toBe(true);
    expect([...table.rows.keys()]).toEqual(['b']);
  });

  it('of several parts is whole when each of them is', () => {
    const table = new Table<Pod>(({ name }) => name, ['red', 'blue']);
    expect(table.synced).toBe(false);
    table.apply({ upserts: [pod('a')], deletes: [], synced: true }, 'red');
    expect(table.synced).toBe(false);
    table.apply({ upserts: [pod('b')], deletes: [], synced: true }, 'blue');
    expect(table.synced).toBe(true);
  });

  it('keeps a row that a batch deletes and puts under its old name', () => {
    const table = pods();
    table.set(pod('a'));
    table.apply({ upserts: [pod('a', 'n2')], deletes: [pod('a')], synced: true });
    expect(table.get('a')).toEqual(pod('a', 'n2'));
  });

  it('says once a batch that there is something new, and nothing for what was gone before', () => {
    const table = pods();
    let told = 0;
    table.changed.listen(() => (told += 1));
    table.apply({ upserts: [pod('a'), pod('b')], deletes: [], synced: true });
    table.set(pod('c'));
    table.delete('a');
    table.delete('a');
    expect(told).toBe(3);
  });
});

describe('a reader', () => {
  it('has every row to look at first, and then each key once however often its row changed', () => {
    const table = pods();
    table.set(pod('a'));
    const reader = table.reader();
    expect([...reader.drain()]).toEqual(['a']);
    for (let i = 0; i < 100; i += 1) table.set(pod('b', `n${i}`));
    table.delete('a');
    expect([...reader.drain()]).toEqual(['b', 'a']);
    expect(reader.drain().size).toBe(0);
  });

  it('has a memory of its own', () => {
    const table = pods();
    const [one, other] = [table.reader(), table.reader()];
    table.set(pod('a'));
    one.drain();
    one.touch(['x']);
    expect([...one.drain()]).toEqual(['x']);
    expect([...other.drain()]).toEqual(['a']);
  });

  it('arrives at the rows of the table, whenever it asks', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      node: fc.constantFrom('n1', 'n2'),
      gone: fc.boolean(),
      asks: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = pods();
        const reader = table.reader();
        const copy = new Map<string, Pod>();
        const follow = (): void => {
          for (const key of reader.drain()) {
            const row = table.get(key);
            if (row === undefined) copy.delete(key);
            else copy.set(key, row);
          }
        };
        for (const { name, node, gone, asks } of steps) {
          if (gone) table.delete(name);
          else table.set(pod(name, node));
          if (asks) follow();
        }
        follow();
        expect(copy).toEqual(table.rows);
      }),
    );
  });
});
