import { describe, expect, it } from 'vitest';
import { namespaceRow, podRow, policyRow } from '../../cluster/samples.ts';
import { type IdentityId, identityId, NO_LIMITS, type TenantRow } from '../../model/index.ts';
import { judgeRows, tenantRow } from '../../tenant/testkit.ts';
import { FakeKernel, fakeNode } from '../testkit.ts';

const front = podRow('front', { app: 'front' });
const back = podRow('back', { app: 'back' }, { namespace: 'ledger' });
const remote = podRow('remote', { app: 'remote' }, { namespace: 'ledger', nodeName: 'node-2' });

const claims = (name: string, ...names: string[]): TenantRow =>
  tenantRow(name, { claims: { names, prefix: undefined } });

/** What a Tenant may say of who is no pod, one after the other, each in one thing other than before. */
const OTHER_BOUNDARIES: readonly Partial<TenantRow>[] = [
  { boundary: { world: 'Open', nodes: 'ProbesOnly' } },
  { boundary: { world: 'Open', nodes: 'Open' } },
  { boundary: { world: 'Listed', nodes: 'Open' } },
  { boundary: { world: 'Closed', nodes: 'Open' } },
  { boundary: { world: 'Closed', nodes: 'Open' }, world: { cidrs: [], metadata: 'Open' } },
];

async function twoNamespaces(kernel = new FakeKernel(), tenants: readonly TenantRow[] = []) {
  const node = await fakeNode(kernel);
  node.put(node.intent.namespaces, namespaceRow('shop'), namespaceRow('ledger'));
  node.put(node.intent.pods, front, back, remote);
  node.put(node.intent.tenants, ...tenants);
  node.connect(1, front);
  node.connect(2, back);
  node.sync();
  await node.settle();
  return node;
}
type Node = Awaited<ReturnType<typeof twoNamespaces>>;

const numberOf = (node: Node, pod: { namespace: string; name: string }): IdentityId =>
  node.identityOf(`${pod.namespace}/${pod.name}` as never)?.id ?? identityId(0);

/** What the kernel says of a connection between the two. */
function judged(node: Node, from: typeof front, to: typeof front): string | undefined {
  const { tenants } = node.kernel;
  const rowOf = (pod: typeof front) => tenants.get(numberOf(node, pod)) || tenants.get(identityId(0));
  return judgeRows({ row: rowOf(from) }, { row: rowOf(to) });
}

const revisionOf = (node: Node, id: number): number => node.word(id)?.revision ?? 0;

describe('the floor of a node', () => {
  it('lets everybody be together while there is no Tenant', async () => {
    const node = await twoNamespaces();
    expect(judged(node, front, back)).toBeUndefined();
    expect(
      judgeRows(
        { row: node.kernel.tenants.get(identityId(9_999)) || node.kernel.tenants.get(identityId(0)) },
        { row: 1n },
      ),
    ).toBeUndefined();
  });

  it('says whose each identity is, here and elsewhere', async () => {
    const node = await twoNamespaces(new FakeKernel(), [claims('shop', 'shop')]);
    expect(judged(node, front, back)).toBe('tenant-boundary');
    expect(judged(node, remote, front)).toBe('tenant-boundary');
    expect(judged(node, back, remote)).toBeUndefined();
    expect(node.kernel.tenants.get(identityId(0)), 'who is not known is nobody’s').toBe(0n);
  });

  it('is as it would be without them where Tenants observe, and turns every word when they enforce', async () => {
    const observing = (tenant: TenantRow): TenantRow => ({ ...tenant, mode: 'Observe' });
    const [without, node] = [
      await twoNamespaces(),
      await twoNamespaces(new FakeKernel(), [observing(claims('shop', 'shop'))]),
    ];
    const rows = (one: Node) => [front, back, remote].map((pod) => one.kernel.tenants.get(numberOf(one, pod)));
    expect(rows(node)).toEqual(rows(without));
    expect(node.kernel.tenants.get(identityId(0)), 'who is not known').toBe(without.kernel.tenants.get(identityId(0)));
    // Who claims what somebody has who enforces takes nothing from him.
    node.put(node.intent.tenants, claims('rival', 'shop'));
    await node.settle();
    expect(node.floor.membership.of('shop')).toMatchObject({ state: 'tenant', tenant: { name: 'rival' } });
    expect(node.floor.whole.of('shop')).toMatchObject({ state: 'closed' });
    node.drop(node.intent.tenants, claims('rival', 'shop'));
    await node.settle();
    const before = [revisionOf(node, 1), revisionOf(node, 2)];
    node.put(node.intent.tenants, claims('shop', 'shop'));
    await node.settle();
    expect(judged(node, front, back)).toBe('tenant-boundary');
    expect(revisionOf(node, 1)).not.toBe(before[0]);
    expect(revisionOf(node, 2)).not.toBe(before[1]);
    expect(node.kernel.tenants.get(identityId(0)), 'who is not known').toBe(0n);
  });

  it('says it before a word states the identity', async () => {
    const kernel = new FakeKernel();
    const missing: number[] = [];
    kernel.words.onSet = (_endpoint, { identity }) => {
      if (identity >= 256 && kernel.tenants.get(identity) === 0n) missing.push(identity);
    };
    await twoNamespaces(kernel, [claims('shop', 'shop')]);
    expect(missing).toEqual([]);
  });

  it('turns every word when whose somebody is changes, and none otherwise', async () => {
    const node = await twoNamespaces();
    const turns: (() => void)[] = [];
    for (const change of [
      () => node.put(node.intent.tenants, claims('shop', 'shop')),
      () => node.put(node.intent.tenants, claims('shop', 'shop', 'ledger')),
      ...OTHER_BOUNDARIES.map((more) => () => {
        node.put(node.intent.tenants, { ...claims('shop', 'shop', 'ledger'), ...more });
      }),
      () => node.drop(node.intent.tenants, claims('shop')),
    ]) {
      turns.push(change);
      const before = [revisionOf(node, 1), revisionOf(node, 2)];
      const outside = new Map(node.outside().map(([id, { revision }]) => [id, revision]));
      change();
      await node.settle();
      expect([revisionOf(node, 1), revisionOf(node, 2)].some((revision) => before.includes(revision))).toBe(false);
      expect(node.outside().every(([id, { revision }]) => outside.get(id) !== revision)).toBe(true);
      const settled = [revisionOf(node, 1), revisionOf(node, 2)];
      await node.settle();
      expect([revisionOf(node, 1), revisionOf(node, 2)]).toEqual(settled);
    }
    const settled = [revisionOf(node, 1), revisionOf(node, 2)];
    node.put(node.intent.pods, podRow('new', { app: 'new' }));
    node.connect(3, podRow('new', { app: 'new' }));
    await node.settle();
    expect([revisionOf(node, 1), revisionOf(node, 2)], 'who comes changes nothing for others').toEqual(settled);
  });

  it('turns every word for the first Tenant, whoever it is about: who is not known was with everybody', async () => {
    const node = await twoNamespaces();
    const before = [revisionOf(node, 1), revisionOf(node, 2)];
    node.put(node.intent.tenants, claims('other', 'elsewhere'));
    await node.settle();
    expect([revisionOf(node, 1), revisionOf(node, 2)].some((revision) => before.includes(revision))).toBe(false);
  });

  it('closes who is not known before it says anything else, and opens them after it: it may die in between', async () => {
    const node = await twoNamespaces();
    const { tenants } = node.kernel;
    const stores: IdentityId[] = [];
    const set = tenants.set.bind(tenants);
    tenants.set = (id, row) => {
      stores.push(id);
      set(id, row);
    };
    node.put(node.intent.tenants, claims('shop', 'shop'));
    await node.settle();
    expect(stores).toEqual([0, numberOf(node, front)]);
    stores.length = 0;
    node.drop(node.intent.tenants, claims('shop'));
    await node.settle();
    expect(stores).toEqual([numberOf(node, front), 0]);
  });

  it('keeps the same rows and words over a restart', async () => {
    const kernel = new FakeKernel();
    const tenants = [claims('shop', 'shop'), claims('money', 'ledger')];
    const before = await twoNamespaces(kernel, tenants);
    const rows = kernel.tenants.entries();
    const words = [before.word(1), before.word(2)];
    const after = await twoNamespaces(kernel, [...tenants].reverse());
    expect(kernel.tenants.entries()).toEqual(rows);
    expect([after.word(1), after.word(2)]).toEqual(words);
  });

  it('judges anew what an earlier life left half done', async () => {
    const kernel = new FakeKernel();
    const first = await twoNamespaces(kernel);
    const words = [first.word(1), first.word(2)];
    // It died when the rows were written and the words were not.
    kernel.words.onSet = () => {
      throw new Error('killed');
    };
    first.put(first.intent.tenants, claims('shop', 'shop'));
    await first.settle().catch(() => undefined);
    kernel.words.onSet = () => undefined;
    for (const [id, word] of first.outside()) kernel.words.set(id, { ...word, identity: identityId(0) });
    kernel.tenants.set(numberOf(first, front), 0x7_0001n);
    const second = await twoNamespaces(kernel, [claims('shop', 'shop')]);
    expect(second.word(1)?.revision).not.toBe(words[0]?.revision);
    expect(second.word(2)?.revision).not.toBe(words[1]?.revision);
    expect(judged(second, front, back)).toBe('tenant-boundary');
  });

  it('finds and puts right what somebody else has written, and has connections judged anew', async () => {
    const node = await twoNamespaces(new FakeKernel(), [claims('shop', 'shop')]);
    expect(node.floor.differences()).toEqual([]);
    const { tenants } = node.kernel;
    tenants.set(numberOf(node, back), tenants.get(numberOf(node, front)));
    tenants.set(identityId(60_000), tenants.get(numberOf(node, front)));
    tenants.set(identityId(0), tenants.get(numberOf(node, remote)));
    expect(node.floor.differences()).toEqual([
      `the kernel says of identity ${numberOf(node, back)}, of namespace ledger, otherwise than the Tenants`,
      'the kernel says of identity 60000, which nobody has, otherwise than the Tenants',
      'the kernel lets identities be together that nobody has said anything of',
    ]);
    expect(judged(node, front, back)).toBeUndefined();
    const before = [revisionOf(node, 1), revisionOf(node, 2)];
    node.floor.doubt();
    await node.settle();
    expect(node.floor.differences()).toEqual([]);
    expect(judged(node, front, back)).toBe('tenant-boundary');
    expect([revisionOf(node, 1), revisionOf(node, 2)].some((revision) => before.includes(revision))).toBe(false);
  });

  it('is of the same membership for whoever looks whether Tenants changed, until one does', async () => {
    const node = await twoNamespaces(new FakeKernel(), [claims('money', 'ledger')]);
    const { membership, whole } = node.floor;
    node.floor.doubt();
    await node.settle();
    expect([node.floor.membership === membership, node.floor.whole === whole]).toEqual([true, true]);
    node.put(node.intent.tenants, claims('money', 'ledger', 'more'));
    await node.settle();
    expect(node.floor.membership === membership).toBe(false);
  });

  it('forgets whose an identity was that means nobody any more', async () => {
    const node = await twoNamespaces(new FakeKernel(), [claims('money', 'ledger')]);
    const id = numberOf(node, back);
    expect(node.kernel.tenants.get(id)).not.toBe(0n);
    node.drop(node.intent.pods, back);
    await node.settle();
    const words = node.word(1);
    await node.clock.advance(3_600_000);
    await node.settle();
    expect(node.word(1), 'which is nothing to others').toEqual(words);
    expect(node.identityOf('ledger/back' as never)).toBeUndefined();
    expect(node.kernel.tenants.get(id)).toBe(0n);
  });
});

it('is known before the first pod asks for a number: a tenant has no more of them than it may', async () => {
  const node = await fakeNode();
  node.put(node.intent.namespaces, namespaceRow('shop'));
  node.put(node.intent.pods, ...['a', 'b', 'c'].map((app) => podRow(app, { app })));
  const limits = { ...NO_LIMITS, identities: 1 };
  node.put(node.intent.tenants, tenantRow('shop', { claims: { names: ['shop'], prefix: undefined }, limits }));
  node.sync();
  await node.settle();
  const states = Array.from(node.identities.rows.rows.values(), ({ state }) => state).sort();
  expect(states).toEqual(['assigned', 'refused', 'refused']);
});

describe('a policy of one tenant that selects by what tells replicas apart', () => {
  const HASH = 'pod-template-hash';
  const replica = podRow('front', { app: 'front', [HASH]: '7d4b9' });
  const byHash = { podSelector: { matchExpressions: [{ key: HASH, operator: 'Exists' }] } };
  const policy = (peer: object) => ({
    ...policyRow('by-hash', { ...byHash, ingress: [{ from: [{ ...peer, ...byHash }] }] }),
    namespace: 'ledger',
  });

  it('gives pods of others no other number, and closes none of them', async () => {
    const node = await twoNamespaces(new FakeKernel(), [claims('shop', 'shop'), claims('ledger', 'ledger')]);
    node.put(node.intent.pods, replica);
    await node.settle();
    const [number, word] = [numberOf(node, replica), node.word(1)];
    const changes = node.identities.rows.reader();
    changes.drain();
    for (const peer of [{}, { namespaceSelector: {} }]) {
      node.put(node.intent.policies, policy(peer));
      await node.settle();
      expect([numberOf(node, replica), node.word(1)]).toEqual([number, word]);
    }
    expect([...changes.drain()].filter((pod) => pod.startsWith('shop/'))).toEqual([]);
  });

  it('is heard of by whoever it may meet, when it may', async () => {
    const node = await twoNamespaces(new FakeKernel(), [claims('shop', 'shop'), claims('ledger', 'ledger')]);
    node.put(node.intent.pods, replica);
    node.put(node.intent.policies, policy({ namespaceSelector: {} }));
    await node.settle();
    const told = (): string | undefined => {
      const identity = node.identityOf('shop/front' as never);
      return identity?.workload.labels.get(HASH);
    };
    expect(told()).toBeUndefined();
    node.drop(node.intent.tenants, claims('shop', 'shop'), claims('ledger', 'ledger'));
    await node.settle();
    expect(told()).toBe('7d4b9');
  });
});
