import { expect, test } from 'vitest';
import type { VerifyView } from '../../api/index.ts';
import { saidOf } from './said-proof.ts';

const VIEW: VerifyView = {
  node: 'node-1',
  at: '2026-01-01T00:00:00.000Z',
  revision: 1,
  tookMs: 20,
  good: false,
  tenants: [{ name: 'red', generation: 3 }],
  counts: { tenants: 1, identities: 0, endpoints: 0, policies: 0 },
  pairs: [],
  differences: [],
  more: 0,
};
const found = (parts: Partial<VerifyView['differences'][number]>): VerifyView['differences'][number] => ({
  layer: 'policy',
  effect: 'opens',
  from: 'a/x',
  to: 'b/y',
  pairs: 1,
  rows: ['the row'],
  meant: ['nothing'],
  ...parts,
});
const names = (view: Partial<VerifyView>) => {
  const { differing, open } = saidOf({ ...VIEW, ...view }, { limited: [], ineffective: [] });
  return [differing.map(({ tenant }) => tenant), open.map(({ tenant }) => tenant)];
};

test('whose boundary is open, and whose kernel only differs', () => {
  const of = (parts: Partial<VerifyView['differences'][number]>) => names({ differences: [found(parts)] });
  expect(of({ fromTenant: 'red', toTenant: 'blue' })).toEqual([
    ['red', 'blue'],
    ['red', 'blue'],
  ]);
  expect(of({ fromTenant: 'red', toTenant: 'red' })).toEqual([['red', 'red'].slice(1), []]);
  expect(of({ fromTenant: 'red', toTenant: 'blue', effect: 'closes' })).toEqual([['red', 'blue'], []]);
  // The world, or a node.
  expect(of({ toTenant: 'red' })).toEqual([['red'], ['red']]);
  expect(of({ fromTenant: '', toTenant: 'red' })).toEqual([['red'], ['red']]);
  expect(of({ fromTenant: '', toTenant: '' })).toEqual([[], []]);
  // Whose an address is: it may be anybody's.
  expect(of({ layer: 'who', effect: 'other' })).toEqual([[''], ['']]);
});

test('a pair that is broken without a listed difference, and differences that are not listed', () => {
  const pairs = [{ from: 'red', to: '', standing: 'broken', shares: 0 } as const];
  expect(names({ pairs })).toEqual([[], ['red']]);
  expect(names({ more: 7 })).toEqual([[''], ['']]);
});

test('names pair, packet and row', () => {
  const packet = {
    from: '10.0.0.1',
    to: '10.0.0.2',
    protocol: 'TCP',
    port: 80,
    claimed: 'passes',
    sent: 'passed',
  } as const;
  const { at, open, tenants } = saidOf(
    { ...VIEW, differences: [found({ toTenant: 'red', packet })] },
    { limited: [], ineffective: [] },
  );
  expect(open).toEqual([{ tenant: 'red', message: 'a/x -> b/y: TCP 80 from 10.0.0.1 to 10.0.0.2 passed; the row' }]);
  expect([at, [...tenants]]).toEqual([Date.parse(VIEW.at), [['red', 3]]]);
});
