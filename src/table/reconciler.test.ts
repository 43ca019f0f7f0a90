import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../base/index.ts';
import { type Operations, Reconciler } from './reconciler.ts';
import { Table } from './table.ts';

type Row = { readonly key: string; readonly value: number };

/** A target that fails when told to. */
class Target {
  readonly rows = new Map<string, number>();
  readonly broken = new Set<string>();
  updates = 0;

  readonly operations: Operations<string, Row> = {
    update: (row) => {
      this.updates += 1;
      if (this.broken.has(row.key)) throw new Error(`${row.key} is broken`);
      this.rows.set(row.key, row.value);
    },
    delete: (key) => {
      if (this.broken.has(key)) throw new Error(`${key} is broken`);
      this.rows.delete(key);
    },
    prune: (rows) => {
      const wanted = new Set(rows.map((row) => row.key));
      for (const key of this.rows.keys()) if (!wanted.has(key)) this.rows.delete(key);
    },
  };
}

function setUp(): {
  table: Table<string, Row>;
  target: Target;
  clock: FakeClock;
  reconciler: Reconciler<string, Row>;
  stop: () => Promise<void>;
} {
  const table = new Table<string, Row>({ name: 'rows', key: (row) => row.key });
  const target = new Target();
  const clock = new FakeClock();
  const reconciler = new Reconciler({
    name: 'rows',
    desired: table,
    operations: target.operations,
    clock,
    backoff: { initial: 100, max: 1000, random: () => 1 },
  });
  const controller = new AbortController();
  const running = reconciler.run(controller.signal);
  return {
    table,
    target,
    clock,
    reconciler,
    stop: async () => {
      controller.abort();
      await running;
    },
  };
}

describe('Reconciler', () => {
  it('makes rows real, changes and removes them', async () => {
    const { table, target, reconciler, stop } = setUp();
    table.set({ key: 'a', value: 1 });
    expect(reconciler.status('a')).toEqual({ state: 'pending' });
    await reconciler.settled();
    expect(reconciler.status('a')).toEqual({ state: 'done' });
    table.set({ key: 'a', value: 2 });
    table.set({ key: 'b', value: 3 });
    await reconciler.settled();
    table.delete('a');
    await reconciler.settled();
    expect([...target.rows]).toEqual([['b', 3]]);
    expect(reconciler.status('a')).toBeUndefined();
    await stop();
  });

  it('removes what an earlier process left behind', async () => {
    const { table, target, reconciler, stop } = setUp();
    target.rows.set('old', 1);
    table.set({ key: 'a', value: 1 });
    await reconciler.settled();
    expect([...target.rows.keys()]).toEqual(['a']);
    await stop();
  });

  it('retries a row that failed with growing delays, without holding up the others', async () => {
    const { table, target, clock, reconciler, stop } = setUp();
    target.broken.add('a');
    table.set({ key: 'a', value: 1 });
    table.set({ key: 'b', value: 2 });
    await reconciler.settled();
    expect(reconciler.status('a')).toEqual({ state: 'error', message: 'a is broken', attempts: 1 });
    expect(reconciler.status('b')).toEqual({ state: 'done' });
    expect(reconciler.errors().map(([key]) => key)).toEqual(['a']);
    await clock.advance(99);
    expect(reconciler.status('a')).toMatchObject({ attempts: 1 });
    await clock.advance(1);
    expect(reconciler.status('a')).toMatchObject({ attempts: 2 });
    target.broken.delete('a');
    await clock.advance(200);
    expect(reconciler.status('a')).toEqual({ state: 'done' });
    expect(target.rows.get('a')).toBe(1);
    await stop();
  });

  it('forgets a failed row that is no longer wanted', async () => {
    const { table, target, clock, reconciler, stop } = setUp();
    target.broken.add('a');
    table.set({ key: 'a', value: 1 });
    await reconciler.settled();
    table.delete('a');
    await reconciler.settled();
    expect(reconciler.status('a')).toMatchObject({ state: 'error' });
    target.broken.delete('a');
    await clock.advance(1000);
    expect(reconciler.status('a')).toBeUndefined();
    await stop();
  });

  it('arrives at the desired rows whatever fails on the way', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.nat(3),
      kind: fc.constantFrom('set', 'delete', 'break', 'mend', 'wait'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const { table, target, clock, reconciler, stop } = setUp();
        for (const { key, value, kind } of steps) {
          if (kind === 'set') table.set({ key, value });
          else if (kind === 'delete') table.delete(key);
          else if (kind === 'break') target.broken.add(key);
          else if (kind === 'mend') target.broken.delete(key);
          else await clock.advance(150);
        }
        target.broken.clear();
        await reconciler.settled();
        await clock.advance(1000);
        await clock.advance(1000);
        expect(Object.fromEntries(target.rows)).toEqual(Object.fromEntries(table.list().map((r) => [r.key, r.value])));
        expect(reconciler.errors()).toEqual([]);
        await stop();
      }),
      { numRuns: 50 },
    );
  });
});
