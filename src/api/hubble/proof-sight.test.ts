import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeClock } from '../../base/testkit.ts';
import type { VerifyView } from '../views/verify.ts';
import { inStep } from './in-step.ts';
import { seenProof } from './proof-sight.ts';

const OWN = ['mine', 'also'];
const standing = fc.constantFrom('isolated' as const, 'shared' as const, 'together' as const, 'broken' as const);
const others = fc.uniqueArray(
  fc.string({ minLength: 8, maxLength: 12 }).map((text) => `x${text}`),
  { minLength: 1, maxLength: 4 },
);

/** What concerns his own tenants; of others: how the worst of them stands to his. */
const world = fc.record({ own: standing, out: standing, into: standing, opens: fc.boolean() });

function proof(
  {
    own,
    out,
    into,
    opens,
  }: {
    own: VerifyView['pairs'][number]['standing'];
    out: VerifyView['pairs'][number]['standing'];
    into: VerifyView['pairs'][number]['standing'];
    opens: boolean;
  },
  names: readonly string[],
  noise: { readonly shares: number; readonly tookMs: number; readonly among: VerifyView['pairs'][number]['standing'] },
): VerifyView {
  const [worst = '', ...rest] = names;
  const example = { from: worst, to: worst, packets: worst, why: [worst] };
  const pair = (from: string, to: string, as: VerifyView['pairs'][number]['standing']) => ({
    from,
    to,
    standing: as,
    shares: noise.shares,
    example,
  });
  const difference = (from: string, to: string) => ({
    layer: 'policy' as const,
    effect: 'opens' as const,
    from: from === 'mine' ? 'mine/a' : from,
    to: to === 'mine' ? 'mine/a' : to,
    packets: 'TCP 80',
    pairs: noise.shares,
    rows: [worst],
    meant: [worst],
    fromTenant: from,
    toTenant: to,
  });
  return {
    node: worst,
    at: worst,
    revision: noise.shares,
    tookMs: noise.tookMs,
    good: noise.shares === 0,
    tenants: [],
    counts: { tenants: names.length, identities: noise.shares, endpoints: noise.shares, policies: noise.shares },
    pairs: [
      { from: 'mine', to: 'also', standing: own, shares: 1 },
      pair('mine', worst, out),
      pair(worst, 'mine', into),
      ...rest.flatMap((name) => [
        pair('mine', name, 'empty'),
        pair(name, 'mine', 'isolated'),
        pair(worst, name, noise.among),
      ]),
    ],
    differences: [
      ...(opens ? names.map((name) => difference(name, 'mine')) : []),
      ...(rest.length > 0 ? [difference(worst, rest[0] ?? '')] : []),
    ],
    more: 0,
  };
}

test('of others an owner is told how the worst of them stands to his, and neither names, numbers nor times', () => {
  const noise = fc.record({ shares: fc.nat(9_999), tookMs: fc.nat(9_999), among: standing });
  fc.assert(
    fc.property(world, others, others, noise, noise, (mine, some, more, one, another) => {
      const seen = seenProof(proof(mine, some, one), new Set(OWN));
      expect(seenProof(proof(mine, more, another), new Set(OWN))).toEqual(seen);
      for (const name of [...some, ...more]) expect(JSON.stringify(seen)).not.toContain(JSON.stringify(name));
    }),
    { numRuns: 2_000 },
  );
});

test('what may concern anybody is said to everybody, without a word of whom', () => {
  const whole = { own: 'isolated', out: 'isolated', into: 'isolated', opens: false } as const;
  const view = proof(whole, ['x'], { shares: 0, tookMs: 0, among: 'isolated' });
  expect(seenProof(view, new Set(OWN))).toMatchObject({ good: true, differences: [] });
  const who: VerifyView['differences'][number] = {
    layer: 'who',
    effect: 'other',
    pairs: 0,
    rows: ['10.0.0.1 is of x'],
    meant: ['y'],
  };
  for (const change of [{ differences: [who, who] }, { more: 7 }] as readonly Partial<VerifyView>[]) {
    const seen = seenProof({ ...view, ...change }, new Set(OWN));
    expect(seen).toMatchObject({
      good: false,
      differences: [{ effect: 'other', rows: [], meant: [], from: '', to: '' }],
    });
  }
});

test('an answer comes whole seconds after the question, however it ends', async () => {
  const clock = new FakeClock(0);
  for (const [tookMs, isWell] of [
    [10, true],
    [10, false],
    [990, true],
    [1_500, true],
  ] as const) {
    const began = clock.elapsed();
    let at: number | undefined;
    const end = (): void => {
      at = clock.elapsed() - began;
    };
    const work = async (): Promise<void> => {
      await clock.sleep(tookMs);
      if (!isWell) throw new Error('no');
    };
    void inStep(clock, work).then(end, end);
    for (let ms = 0; ms < 3_000 && at === undefined; ms += 10) await clock.advance(10);
    expect(at).toBe(tookMs < 1_000 ? 1_000 : 2_000);
  }
});
