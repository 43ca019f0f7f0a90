import { expect, test } from 'vitest';
import { NODE_PROOF } from '../kube/index.ts';
import type { NodeProof, TenantTold } from '../model/index.ts';
import { proofStanding } from './proof-standing.ts';

const NOW = Date.parse('2026-01-01T12:07:30Z');

const proof = (parts: Partial<NodeProof> = {}): NodeProof => ({
  uid: '',
  namespace: '',
  name: '',
  at: NOW - 60_000,
  tenants: new Map([['red', 2]]),
  differing: [],
  open: [],
  limited: [],
  ineffective: undefined,
  ...parts,
});

function standing(proofs: Readonly<Record<string, NodeProof | undefined>>) {
  const nodes = Object.keys(proofs);
  const { enforced, conditions } = proofStanding({
    tenant: 'red',
    generation: 2,
    nodes,
    proofOf: (node) => proofs[node],
    now: NOW,
  });
  const said = Object.fromEntries(conditions.map(({ type, status, message }) => [type, `${status} ${message}`]));
  return { enforced, ...said };
}

test('is true where every node has proved this generation a moment ago', () => {
  expect(standing({ a: proof(), b: proof({ at: NOW - 200_000 }) })).toEqual({
    enforced: '2/2',
    BoundaryEnforced: 'True 2 of 2 nodes',
    Isolated: 'True generation 2 is proved on 2 of 2 nodes, nowhere before 2026-01-01T12:00Z',
    WithinLimits: 'True nothing was refused for a limit',
  });
});

test.each<[string, NodeProof | undefined, string?]>([
  ['without a proof', undefined],
  ['whose agent has proved nothing that can be read', proof({ at: undefined })],
  ['with one that is too old', proof({ at: NOW - 300_001 })],
  ['whose clock is ahead', proof({ at: NOW + 60_001 }), 'b (its clock is ahead)'],
  ['that knows another generation', proof({ tenants: new Map([['red', 1]]) })],
  ['that does not know the tenant', proof({ tenants: new Map() })],
])('of a node %s nothing is known', (_what, second, named = 'b') => {
  const told = `Unknown no proof of generation 2 of the last 5 minutes from ${named}`;
  expect(standing({ a: proof(), b: second })).toEqual({
    enforced: '1/2',
    BoundaryEnforced: told.replace('Unknown ', 'Unknown 1 of 2 nodes; '),
    Isolated: told,
    WithinLimits: told,
  });
});

test('says what was found, also when it is old and when others are unknown', () => {
  const message = 'red/a -> blue/b: TCP 80 from 10.0.0.1 to 10.0.0.2 passed; the row';
  const told: TenantTold[] = [{ tenant: 'red', message }];
  for (const at of [NOW, NOW - 900_000]) {
    expect(standing({ a: proof({ at, open: told, differing: told }), b: undefined, c: proof() })).toMatchObject({
      enforced: '1/3',
      BoundaryEnforced: `False 1 of 3 nodes; a: ${message}`,
      Isolated: `False a: ${message}`,
    });
  }
  const limited = [{ tenant: 'red', message: 'connections is limited to 10' }];
  expect(standing({ a: proof({ limited }) })).toMatchObject({
    enforced: '1/1',
    Isolated: expect.stringMatching(/^True/),
    WithinLimits: 'False a: connections is limited to 10',
  });
});

test('what concerns everybody concerns it, and what concerns another does not', () => {
  const of = (tenant: string): TenantTold[] => [{ tenant, message: 'an address' }];
  expect(standing({ a: proof({ open: of('') }) })).toMatchObject({ Isolated: 'False a: an address' });
  expect(standing({ a: proof({ open: of('blue') }) })).toMatchObject({ Isolated: expect.stringMatching(/^True/) });
});

test('a node that says very much says no more on each Tenant than others do', () => {
  const told = [{ tenant: '', message: 'x'.repeat(1_000_000) }];
  const spec = { at: new Date(NOW).toISOString(), differing: told, open: told, limited: told };
  const nodes = ['a', 'b', 'c', 'd'].map((name) => [name, NODE_PROOF.parse({ metadata: { name }, spec })] as const);
  const { Isolated } = standing(Object.fromEntries(nodes)) as { Isolated?: string };
  expect(Isolated).toMatch(/^False a: x{500}; b: x/);
  expect(Isolated?.length).toBeLessThan(2_000);
});

test('proves nothing without nodes', () => {
  expect(standing({})).toMatchObject({ enforced: '0/0', Isolated: 'Unknown there are no nodes' });
});
