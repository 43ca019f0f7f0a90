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
          return i % 97 === 96 ? listing.take() : [];
        });
        rows.push(...listing.take());
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
    const rows = listing.take();
    expect(rows.length).toBeLessThan(2_200);
    expect(rows.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(20_000);
  });

  it('says who talked to whom within the window: what changed, and nothing that left it', () => {
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 60 }), fc.nat(60_000), (flows, windowS, later) => {
        const totals = new FlowTotals(windowS);
        const sorted = flows.toSorted((a, b) => a.at - b.at);
        const shown = new Map<string, [number, number]>();
        const names: string[] = [];
        const apply = (now: number): void => {
          const { places, edges } = totals.take(now);
          for (const { id, key } of places) names[id] = key;
          for (const [from, to, forwarded, dropped] of edges) {
            const key = `${names[from]} ${names[to]}`;
            if (forwarded + dropped === 0) shown.delete(key);
            else shown.set(key, [forwarded, dropped]);
          }
        };
        for (const [i, one] of sorted.entries()) {
          push(totals, flow(one));
          if (i % 50 === 0) apply(one.at);
        }
        const now = (sorted.at(-1)?.at ?? 0) + later;
        apply(now);
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
