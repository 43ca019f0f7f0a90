import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Flow } from '../model/index.ts';
import { Listing } from './listing.ts';
import { placeOf, workloadOf } from './place.ts';
import { FlowTotals } from './totals.ts';

const flow = (
  change: Partial<Flow> & { readonly at: number; readonly port?: number; readonly from?: string },
): Flow => {
  const { at, port = 80, from = 'a', ...rest } = change;
  return {
    time: at,
    node: 'n',
    type: rest.verdict === 'dropped' ? 'drop' : 'open',
    verdict: 'forwarded',
    direction: 'ingress',
    source: { addr: '10.0.0.1', port: 1, identity: 1, labels: [], namespace: 'x', pod: from },
    destination: { addr: '10.0.0.2', port, identity: 2, labels: [], namespace: 'x', pod: 'b' },
    protocol: 'TCP',
    tcpFlags: [],
    rules: {},
    isReply: false,
    length: 1,
    ifindex: 1,
    hook: 'to-pod',
    ...rest,
  };
};
const push = (target: Listing | FlowTotals, one: Flow): void =>
  target.push(one, placeOf(one.source), placeOf(one.destination));

/** All that happens. */
const AFTER = Number.MAX_SAFE_INTEGER;

const some = fc.array(
  fc.record({
    at: fc.nat(120_000),
    port: fc.nat(20),
    from: fc.constantFrom('a', 'c', 'd'),
    verdict: fc.constantFrom('forwarded' as const, 'dropped' as const),
  }),
  { maxLength: 300 },
);

describe('what a page is told', () => {
  it('lists every drop, and counts what it does not list', () => {
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), (flows, forwarded, kinds) => {
        const listing = new Listing({ forwarded, kinds });
        const rows = flows.flatMap((one, i) => {
          push(listing, flow(one));
          return i % 97 === 96 ? listing.take(AFTER) : [];
        });
        rows.push(...listing.take(AFTER));
        const of = (verdict: string) => rows.filter((row) => row.flow.verdict === verdict);
        const drops = of('dropped').reduce((sum, { count = 1 }) => sum + count, 0);
        expect(drops).toBe(flows.filter(({ verdict }) => verdict === 'dropped').length);
        const { listed, unlisted } = listing.counted;
        expect(listed).toBe(drops + of('forwarded').length);
        expect(listed + unlisted).toBe(flows.length);
        expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
      }),
    );
  });

  it('does not grow, whoever drops what and however long nobody takes', () => {
    const listing = new Listing({ forwarded: 10, kinds: 100 });
    for (let i = 0; i < 20_000; i += 1)
      push(listing, flow({ at: i, port: i, from: `p${i}x`, verdict: 'dropped', dropReason: 'policy-ingress' }));
    const rows = listing.take(AFTER);
    expect(rows.length).toBeLessThan(210);
    expect(rows.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(20_000);
  });

  it('says who talked to whom within the window: what changed, and nothing that left it', () => {
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 60 }), fc.nat(60_000), (flows, windowS, later) => {
        let now = 0;
        const totals = new FlowTotals(windowS, () => now);
        const sorted = flows.toSorted((a, b) => a.at - b.at);
        const shown = new Map<string, [number, number]>();
        const names: string[] = [];
        const apply = (): void => {
          const { places, edges } = totals.take();
          for (const { id, key } of places) names[id] = key;
          for (const [from, to, forwarded, dropped] of edges) {
            const key = `${names[from]} ${names[to]}`;
            if (forwarded + dropped === 0) shown.delete(key);
            else shown.set(key, [forwarded, dropped]);
          }
        };
        for (const [i, one] of sorted.entries()) {
          now = one.at;
          push(totals, flow(one));
          if (i % 50 === 0) apply();
        }
        now += later;
        apply();
        const expected = new Map<string, [number, number]>();
        for (const { at, from, verdict } of sorted) {
          if (Math.floor(at / 1_000) <= Math.floor(now / 1_000) - windowS) continue;
          const key = `x/${from} x/b`;
          const known = expected.get(key) ?? [0, 0];
          known[verdict === 'forwarded' ? 0 : 1] += 1;
          expected.set(key, known);
        }
        expect(shown).toEqual(expected);
      }),
    );
  });

  it('counts what comes between pairs that are too many to be told, and tells of who drops before them', () => {
    let now = 1_000_000;
    const totals = new FlowTotals(60, () => now);
    const shown = new Map<string, [number, number]>();
    let rest: readonly [number, number] = [0, 0];
    const take = (): void => {
      const { edges, rest: others } = totals.take();
      rest = others;
      for (const [from, to, forwarded, dropped] of edges) {
        if (forwarded + dropped === 0) shown.delete(`${from} ${to}`);
        else shown.set(`${from} ${to}`, [forwarded, dropped]);
      }
    };
    const sum = (index: 0 | 1): number => rest[index] + [...shown.values()].reduce((all, one) => all + one[index], 0);
    for (let i = 0; i < 40_000; i += 1) totals.push(flow({ at: now }), `x/a${i % 300}`, `x/b${i}`);
    take();
    expect([shown.size, sum(0)]).toEqual([15_000, 40_000]);
    for (let i = 0; i < 3_000; i += 1)
      totals.push(flow({ at: now, verdict: 'dropped' }), `x/a${i % 50}`, `x/b${5_000 + (i % 200)}`);
    take();
    expect([rest, sum(0), sum(1)]).toEqual([[25_000, 0], 40_000, 3_000]);
    // Who comes when those have gone is told of as if they had never been.
    now += 61_000;
    take();
    expect([shown.size, rest]).toEqual([0, [0, 0]]);
    // Also who makes up many names one after the other is told of by them.
    for (let i = 0; i < 15_000; i += 1) totals.push(flow({ at: now }), `y/a${i}`, 'y/b');
    take();
    expect([shown.size, rest]).toEqual([15_000, [0, 0]]);
  });

  it('is not made blind by a node whose clock is fast, nor made to grow', () => {
    const now = 1_000_000_000;
    const totals = new FlowTotals(60, () => now);
    const listing = new Listing({ forwarded: 10, kinds: 10 });
    for (let i = 1; i < 1_000; i += 1) totals.push(flow({ at: now + i * 3_600_000 }), 'x/fast', 'x/b');
    push(totals, flow({ at: now }));
    push(listing, flow({ at: now + 3_600_000, from: 'fast' }));
    push(listing, flow({ at: now }));
    const { edges, moments } = totals.take();
    expect(edges.map(([, , forwarded]) => forwarded)).toEqual([999, 1]);
    expect(moments).toEqual([[now / 1_000, 1_000, 0]]);
    expect(listing.take(now).map(({ flow: { source }, at }) => [source.pod, at])).toEqual([
      ['fast', now],
      ['a', undefined],
    ]);
  });

  it.each([
    ['web-7d4b9c6f5d-x2x7k', 'web'],
    ['coredns-5d78c9869d-2xw7m', 'coredns'],
    ['agent-x2x7k', 'agent'],
    ['db-0', 'db'],
    ['frontend', 'frontend'],
    ['web-proxy', 'web-proxy'],
    ['a-b-c', 'a-b-c'],
  ])('takes the pod %s for one of %s', (pod, workload) => {
    expect(workloadOf(pod)).toBe(workload);
  });
});
