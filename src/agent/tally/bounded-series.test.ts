import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedSeries, OTHER, type SeriesLine } from './bounded-series.ts';

const KEEP_MS = 1_000;

/** With whoever shows it, and what Prometheus makes of what it is shown: how much each series grew. */
function bench(most: number) {
  let now = 0;
  const gone = new Set<string>();
  const before = new Map<string, number>();
  const grown = new Map<string, number>();
  const series = new BoundedSeries({ most, keepMs: KEEP_MS, now: () => now });
  const add = (tenant: string, name: string, count = 1, namespace = name): void =>
    series.add({ tenant, namespace, name }, 'row', count);
  const show = (): readonly SeriesLine[] => {
    const lines = series.show(({ name }) => !gone.has(name));
    const keys = new Set<string>();
    for (const { tenant, name, row, count } of lines) {
      const key = `${tenant} ${name} ${row}`;
      keys.add(key);
      const last = before.get(key) ?? 0;
      grown.set(tenant, (grown.get(tenant) ?? 0) + (count >= last ? count - last : count));
      before.set(key, count);
    }
    for (const key of before.keys()) if (!keys.has(key)) before.delete(key);
    return lines;
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  return { add, show, pass, gone, grown };
}
const names = (lines: readonly SeriesLine[]): string[] => lines.map(({ tenant, name }) => `${tenant}/${name}`).sort();

describe('series of names that others make up', () => {
  it('are as many as there may be, and what is beyond them is summed up for its tenant', () => {
    const { add, show } = bench(2);
    for (const name of ['n1', 'n2', 'n3', 'n4']) add('a', name);
    expect(show()).toEqual([
      { tenant: 'a', namespace: 'n1', name: 'n1', row: 'row', count: 1 },
      { tenant: 'a', namespace: 'n2', name: 'n2', row: 'row', count: 1 },
      { tenant: 'a', namespace: OTHER, name: OTHER, row: 'row', count: 2 },
    ]);
  });

  it('are not pushed out by a tenant who makes up names without end', () => {
    const { add, show } = bench(4);
    add('victim', 'shop');
    for (let round = 0; round < 50; round += 1) {
      for (let name = 0; name < 20; name += 1) add('attacker', `n${round}-${name}`);
      add('victim', 'shop');
      expect(names(show())).toContain('victim/shop');
    }
    // Not even where he was first.
    add('late', 'one');
    expect(names(show())).toContain('late/one');
    expect(names(show())).toContain('victim/shop');
    expect(names(show()).filter((name) => name.startsWith('attacker/n'))).toHaveLength(2);
  });

  it('are shared by namespaces of one tenant, too', () => {
    const { add, show } = bench(3);
    for (let name = 0; name < 9; name += 1) add('a', `policy-${name}`, 1, 'greedy');
    add('a', 'modest', 1, 'other');
    expect(names(show())).toEqual(['a/_other', 'a/modest', 'a/policy-0', 'a/policy-1']);
  });

  it('stay some time after what they are of is gone, until somebody has seen their last values', () => {
    const { add, show, pass, gone } = bench(4);
    add('a', 'n');
    gone.add('n');
    pass(10 * KEEP_MS);
    expect(names(show())).toEqual(['a/n']);
    pass(KEEP_MS);
    expect(names(show())).toEqual(['a/n']);
    pass(1);
    expect(show()).toEqual([]);
    add('a', 'n', 5);
    expect(show()).toMatchObject([{ name: 'n', count: 5 }]);
  });

  it('that end for want of room give what nobody saw of them to the others of the tenant', () => {
    const { add, show } = bench(2);
    add('a', 'n1', 3);
    add('a', 'n2', 10);
    show();
    add('a', 'n2', 7);
    add('b', 'n', 1);
    expect(show()).toMatchObject([
      { tenant: 'a', name: 'n1', count: 3 },
      { tenant: 'b', name: 'n', count: 1 },
      { tenant: 'a', name: OTHER, count: 7 },
    ]);
  });

  it('show each count once, whatever comes and goes', () => {
    const step = fc.record({
      tenant: fc.constantFrom('a', 'b', 'c', '_unassigned'),
      name: fc.integer({ min: 0, max: 30 }),
      namespace: fc.constantFrom('x', 'y'),
      count: fc.integer({ min: 0, max: 5 }),
      ms: fc.integer({ min: 0, max: KEEP_MS }),
      what: fc.constantFrom('add', 'add', 'add', 'show', 'go', 'come'),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 120 }), (most, steps) => {
        const { add, show, pass, gone, grown } = bench(most);
        const sums = new Map<string, number>();
        for (const { tenant, name, namespace, count, ms, what } of steps) {
          pass(ms);
          if (what === 'show') expect(show().length).toBeLessThanOrEqual(most + 4);
          else if (what === 'go') gone.add(`n${name}`);
          else if (what === 'come') gone.delete(`n${name}`);
          else {
            add(tenant, `n${name}`, count, namespace);
            sums.set(tenant, (sums.get(tenant) ?? 0) + count);
          }
        }
        show();
        const all = (of: ReadonlyMap<string, number>): number => of.values().reduce((sum, count) => sum + count, 0);
        expect(all(grown)).toBe(all(sums));
        // Tenants have sums of their own, while there is room for these.
        if (most >= 4)
          expect([...sums].filter(([, sum]) => sum > 0).map(([t, sum]) => [t, sum])).toEqual(
            [...sums].filter(([, sum]) => sum > 0).map(([t]) => [t, grown.get(t)]),
          );
      }),
    );
  });
});
