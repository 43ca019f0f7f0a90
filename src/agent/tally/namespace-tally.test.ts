import { expect, it } from 'vitest';
import type { EndpointCount } from '../../datapath/index.ts';
import { type EndpointId, endpointId, type TenantRow } from '../../model/index.ts';
import { Membership } from '../../tenant/index.ts';
import { SYSTEM_SERVICES, tenantRow } from '../../tenant/testkit.ts';
import { NamespaceTally } from './namespace-tally.ts';

const SETTINGS = { unassigned: 'Open', systemNamespaces: ['kube-system'], systemServices: SYSTEM_SERVICES } as const;
const REASON = 'policy-ingress';
const of = (tenants: readonly TenantRow[]) => new Membership(tenants, SETTINGS);

/** A datapath with one counter of drops for each endpoint, and of what was not told. */
function node() {
  const pods = new Map<EndpointId, string>();
  const drops = new Map<EndpointId, number>();
  const missed = new Map<EndpointId, number>();
  const countsOf = (id: EndpointId): EndpointCount[] => [
    { kind: 'drop', endpoint: id, reason: REASON, direction: 'egress', count: drops.get(id) ?? 0 },
    { kind: 'missed', endpoint: id, count: missed.get(id) ?? 0 },
  ];
  const it = {
    membership: of([tenantRow('a', { claims: { names: ['shop'], prefix: undefined } })]),
    whileRead: () => undefined as void,
    now: 0,
  };
  const tally = new NamespaceTally({
    most: 16,
    keepMs: 1_000,
    now: () => it.now,
    membership: () => it.membership,
    all: async (ids) => {
      const counts = [endpointId(0), ...ids].flatMap(countsOf);
      await Promise.resolve();
      it.whileRead();
      return counts;
    },
    of: countsOf,
    ids: () => [...pods.keys()],
    namespaceOf: (id) => pods.get(id),
  });
  const add = (id: number, namespace: string): void => void pods.set(endpointId(id), namespace);
  const drop = (id: number, count: number): void =>
    void drops.set(endpointId(id), (drops.get(endpointId(id)) ?? 0) + count);
  const remove = (id: number): void => {
    tally.retire(endpointId(id));
    for (const map of [pods, drops, missed]) map.delete(endpointId(id));
  };
  const lines = async (): Promise<string[]> => {
    const counts = await tally.show();
    return counts.map(({ tenant, namespace, what, count }) => `${tenant}/${namespace} ${what.kind} ${count}`).sort();
  };
  return Object.assign(it, { tally, missed, add, drop, remove, lines });
}

it('sums up what pods of a namespace dropped, of each tenant, of nobody and of the node', async () => {
  const { add, drop, lines, missed } = node();
  for (const [index, namespace] of ['shop', 'shop', 'plain', 'kube-system'].entries()) add(index + 1, namespace);
  for (const id of [0, 1, 2, 3, 4]) drop(id, 10 ** id);
  missed.set(endpointId(2), 7);
  const told = [
    '_node/_node drop 1',
    '_system/kube-system drop 10000',
    '_unassigned/plain drop 1000',
    'a/shop drop 110',
    'a/shop missed 7',
  ];
  expect(await lines()).toEqual(told);
  expect(await lines()).toEqual(told);
});

it('begins with what happens in the life of the agent, and goes on beyond that of a pod', async () => {
  const { add, drop, remove, lines, tally } = node();
  add(1, 'shop');
  drop(1, 1_000);
  await tally.begin();
  drop(1, 5);
  expect(await lines()).toEqual(['a/shop drop 5']);
  drop(1, 2);
  remove(1);
  // The next of its number begins at zero, for others.
  add(1, 'plain');
  drop(1, 3);
  expect(await lines()).toEqual(['_unassigned/plain drop 3', 'a/shop drop 7']);
});

it('counts what went while it was read once', async () => {
  const it = node();
  it.add(1, 'shop');
  it.drop(1, 5);
  it.whileRead = () => {
    it.drop(1, 2);
    it.remove(1);
    it.add(1, 'plain');
    it.whileRead = () => undefined;
  };
  const [first, second] = await Promise.all([it.lines(), it.lines()]);
  expect(first).toEqual(['a/shop drop 7']);
  expect(second).toEqual(first);
  it.drop(1, 4);
  expect(await it.lines()).toEqual(['_unassigned/plain drop 4', 'a/shop drop 7']);
});

it('gives a namespace that becomes a tenant’s a series there, and ends the former after a while', async () => {
  const it = node();
  it.add(1, 'plain');
  it.drop(1, 5);
  expect(await it.lines()).toEqual(['_unassigned/plain drop 5']);
  it.membership = of([tenantRow('b', { claims: { names: ['plain'], prefix: undefined } })]);
  it.drop(1, 3);
  expect(await it.lines()).toEqual(['_unassigned/plain drop 5', 'b/plain drop 3']);
  it.now = 1_001;
  expect(await it.lines()).toEqual(['b/plain drop 3']);
});
