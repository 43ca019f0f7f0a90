import { describe, expect, it, vi } from 'vitest';
import { type NamespacedName } from '../../base/index.ts';
import { namespaceRow, onlyFrom, podRow, policyRow } from '../../cluster/samples.ts';
import { datapathErrors } from '../../datapath/errors.ts';
import { endpointId, identityId, NO_LIMITS, policyKey } from '../../model/index.ts';
import { tenantRow } from '../../tenant/testkit.ts';
import { FakeKernel, fakeNode, LIMITS } from '../testkit.ts';
import type { PolicyLimits } from './policy-limits.ts';

const greedy = podRow('greedy', { app: 'greedy' }, { namespace: 'tenant-a' });
const victim = podRow('victim', { app: 'victim' });
const client = podRow('client', { app: 'client' });

const inTenantA = <T>(row: T): T => ({ ...row, namespace: 'tenant-a' });
const isolate = policyRow('deny', { podSelector: {}, policyTypes: ['Ingress'] });

/** So many ports, each a row of its own, for everybody of the namespace; each first port makes another policy. */
const ports = (name: string, app: string, count: number, first = 1) =>
  policyRow(name, {
    podSelector: { matchLabels: { app } },
    ingress: [{ ports: Array.from({ length: count }, (_, i) => ({ port: first + 2 * i })) }],
  });

async function tenants(kernel = new FakeKernel(), limits: Partial<PolicyLimits> = {}) {
  const node = await fakeNode(kernel, { limits: { ...LIMITS, ...limits } });
  node.put(node.intent.namespaces, namespaceRow('shop'), namespaceRow('tenant-a'));
  node.put(node.intent.pods, greedy, victim, client);
  node.connect(1, greedy);
  node.connect(2, victim);
  node.connect(3, client);
  node.sync();
  await node.settle();
  const id = (pod: string) => identityId(node.identityOf(pod as NamespacedName)?.id ?? 0);
  const state = (pod: string) => node.installer.get(id(pod))?.states.ingress;
  const table = async (endpoint: number) => {
    const found = await node.tableOf(endpoint, 'ingress');
    return { any: found?.groups[0]?.length, peers: found?.peers.size };
  };
  const later = async (): Promise<void> => {
    await node.clock.advance(300);
    await node.settle();
  };
  return { ...node, id, state, table, later };
}

const OPEN = { any: 1, peers: 0 };
/** The node itself comes in. */
const CLOSED = { any: 0, peers: 1 };

describe('a share', () => {
  it('closes the rules of a policy with more selectors than its namespace may have, and nobody else’s', async () => {
    const node = await tenants(new FakeKernel(), { selectors: 40 });
    const names = Array.from({ length: 30 }, (_, n) => `peer-${n}`);
    const many = (count = names.length) => inTenantA(onlyFrom('many', 'greedy', 'greedy', ...names.slice(0, count)));
    node.put(node.intent.policies, onlyFrom('own', 'victim', 'client'));
    node.put(node.intent.policies, many());
    await node.settle();
    expect(await node.table(1)).toEqual(CLOSED);
    expect((await node.table(2)).peers).toBe(2);
    expect(node.policies.problems.get(policyKey(many()))?.[0]?.text).toMatch(/62 selectors.*may have 40/);
    node.put(node.intent.policies, many(10));
    await node.settle();
    expect((await node.table(1)).peers).toBe(2);
    expect(node.policies.problems.size).toBe(0);
  });
});

describe('a full map', () => {
  it('does not keep a default deny from being in force', async () => {
    const node = await tenants(new FakeKernel(320));
    node.put(node.intent.policies, inTenantA(ports('big', 'greedy', 270)));
    await node.settle();
    expect(await node.table(2)).toEqual(OPEN);
    const before = node.installer.rows;
    node.put(node.intent.policies, isolate);
    await node.settle();
    expect([await node.table(2), node.state('shop/victim')?.problem]).toEqual([CLOSED, undefined]);
    expect(node.installer.rows, 'isolation takes no row').toBe(before);
  });

  it('closes what does not fit, also where a pod was open before, and opens it when there is room', async () => {
    const node = await tenants(new FakeKernel(320));
    node.put(node.intent.policies, inTenantA(ports('big', 'greedy', 270)), ports('own', 'victim', 100));
    await node.settle();
    const refused = node.state('tenant-a/greedy')?.inForce === 'closed' ? 1 : 2;
    expect(await node.table(refused)).toEqual(CLOSED);
    expect(node.endpoints.get(endpointId(refused))?.detail).toMatch(/ingress closed: the policy maps are full/);
    node.drop(
      node.intent.policies,
      refused === 1 ? ports('own', 'victim', 100) : inTenantA(ports('big', 'greedy', 270)),
    );
    await node.settle();
    await node.later();
    await node.settle();
    expect(await node.table(refused)).toEqual({ any: refused === 1 ? 270 : 100, peers: 1 });
    expect(node.endpoints.get(endpointId(refused))?.detail).toBeUndefined();
  });

  it('closes what the kernel had no memory for just then, and opens it although nothing is freed', async () => {
    const kernel = new FakeKernel();
    const node = await tenants(kernel);
    const setMany = kernel.policy.peers.setMany.bind(kernel.policy.peers);
    const cause = Object.assign(new Error('map element: ENOMEM'), { code: 'ENOMEM' });
    kernel.policy.peers.setMany = async () => {
      throw datapathErrors.make('E_DATAPATH_MAP_FULL', { detail: 'policy_peers', cause });
    };
    node.put(node.intent.policies, onlyFrom('own', 'victim', 'client'));
    await node.settle();
    expect([await node.table(2), node.state('shop/victim')?.inForce]).toEqual([CLOSED, 'closed']);
    kernel.policy.peers.setMany = setMany;
    await node.settle();
    expect([(await node.table(2)).peers, node.state('shop/victim')]).toMatchObject([2, { inForce: 'wanted' }]);
  });

  it('does not keep a revocation waiting: what was allowed closes, and its rows make the room', async () => {
    const node = await tenants(new FakeKernel(320));
    node.put(node.intent.policies, ports('own', 'victim', 200));
    await node.settle();
    node.put(node.intent.policies, inTenantA(ports('big', 'greedy', 60)));
    await node.settle();
    expect([await node.table(2), await node.table(1)]).toEqual([
      { any: 200, peers: 1 },
      { any: 60, peers: 1 },
    ]);
    node.put(node.intent.policies, ports('own', 'victim', 199));
    await node.settle();
    expect([await node.table(2), node.state('shop/victim')?.inForce]).toEqual([CLOSED, 'closed']);
    await node.later();
    expect([await node.table(2), node.state('shop/victim')?.inForce]).toEqual([{ any: 199, peers: 1 }, 'wanted']);
  });

  it('admits no peer that does not fit, and goes on with the others', async () => {
    const kernel = new FakeKernel(12);
    const node = await tenants(kernel);
    node.put(node.intent.policies, onlyFrom('own', 'victim', 'client'));
    await node.settle();
    expect((await node.table(2)).peers).toBe(2);
    const crowd = Array.from({ length: 12 }, (_, n) =>
      podRow(`c${n}`, { app: 'client', n: `${n}` }, { nodeName: 'node-2' }),
    );
    node.put(
      node.intent.policies,
      policyRow('n', { podSelector: { matchExpressions: [{ key: 'n', operator: 'Exists' }] } }),
    );
    node.put(node.intent.pods, ...crowd);
    await node.settle();
    expect((await node.table(2)).peers).toBeLessThanOrEqual(12);
    expect(node.state('shop/victim')).toMatchObject({ inForce: 'wanted', problem: { code: 'E_PLANE_POLICY_FULL' } });
    expect(node.state('shop/victim')?.missing.has(node.id('shop/c11'))).toBe(true);
  });
});

describe('bounds', () => {
  it('leave out the policy that asks for too much: it isolates, and the others of the pod hold', async () => {
    const node = await tenants(new FakeKernel(), { table: 100, namespace: 1000 });
    node.put(node.intent.policies, ports('much', 'victim', 150), ports('little', 'victim', 10, 20_001));
    await node.settle();
    expect(await node.table(2)).toEqual({ any: 10, peers: 1 });
    expect(node.state('shop/victim')).toMatchObject({
      inForce: 'wanted',
      without: ['NetworkPolicy shop/much'],
      problem: { code: 'E_PLANE_POLICY_LARGE' },
    });
  });

  it('of a namespace close its tables, and nobody else’s', async () => {
    const node = await tenants(new FakeKernel(), { table: 1000, namespace: 100 });
    node.put(node.intent.policies, inTenantA(ports('big', 'greedy', 150)), ports('own', 'victim', 50));
    await node.settle();
    expect([await node.table(1), await node.table(2)]).toEqual([CLOSED, { any: 50, peers: 1 }]);
    expect(node.state('tenant-a/greedy')?.problem).toMatchObject({ code: 'E_PLANE_POLICY_SHARE' });
    node.put(node.intent.policies, inTenantA(ports('big', 'greedy', 80)));
    await node.settle();
    await node.later();
    expect(await node.table(1)).toEqual({ any: 80, peers: 1 });
  });
});

describe('the limit of a tenant', () => {
  it('is of all its namespaces, and closes nobody else’s', async () => {
    const node = await tenants();
    const other = podRow('other', { app: 'other' }, { namespace: 'tenant-b' });
    const inTenantB = <T>(row: T): T => ({ ...row, namespace: 'tenant-b' });
    const greedyTenant = (policyRows: number) =>
      tenantRow('greedy', {
        claims: { names: [], prefix: 'tenant-' },
        limits: { ...NO_LIMITS, policyRows },
      });
    node.put(node.intent.namespaces, namespaceRow('tenant-b'));
    node.put(node.intent.pods, other);
    node.put(node.intent.tenants, greedyTenant(100));
    node.connect(4, other);
    node.put(node.intent.policies, inTenantA(ports('big', 'greedy', 60)), ports('own', 'victim', 200));
    await node.settle();
    node.put(node.intent.policies, inTenantB(ports('more', 'other', 60)));
    await node.settle();
    const found = async () => [(await node.table(1)).any, (await node.table(2)).any, (await node.table(4)).any];
    expect(await found()).toEqual([60, 200, 0]);
    const problem = node.state('tenant-b/other')?.problem;
    expect(problem).toMatchObject({ code: 'E_PLANE_POLICY_SHARE' });
    expect(problem?.message).toMatch(/tenant greedy: 6\d of 100 rows and peers are in use/);
    node.put(node.intent.policies, inTenantA(ports('big', 'greedy', 30)));
    await node.settle();
    await node.later();
    expect(await found()).toEqual([30, 200, 60]);
  });
});

describe('order', () => {
  /** Heavier than what a pass makes itself. */
  const heavy = inTenantA(ports('big', 'greedy', 4000));

  it('a large table is made beside the passes: its pod is closed meanwhile, and others get theirs', async () => {
    const node = await tenants(new FakeKernel(16_384));
    const stores: string[] = [];
    node.kernel.words.onSet = (id) => stores.push(`${id} ${node.installer.building}`);
    node.put(node.intent.policies, heavy);
    node.engine.kick();
    node.put(node.intent.policies, onlyFrom('own', 'victim', 'client'));
    await node.engine.idle();
    await node.settle();
    // The pod of the large one closes, the other has its table, both before the large one is there.
    expect(stores.slice(0, 2).toSorted()).toEqual(['1 1', '2 1']);
    expect(stores.slice(2).every((store) => store.startsWith('1 0'))).toBe(true);
    expect(await node.table(1)).toEqual({ any: 4000, peers: 1 });
  });

  it('a large one is compiled in slices, between which everything else has its turn', async () => {
    const node = await tenants(new FakeKernel(16_384));
    // Every look at the clock is later than a slice may take.
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 10));
    const turnsUntil = async (done: () => boolean): Promise<number> => {
      let turns = 0;
      for (; !done(); turns += 1) await new Promise((turn) => setImmediate(turn));
      return turns;
    };
    node.put(node.intent.policies, heavy);
    node.engine.kick();
    await turnsUntil(() => node.installer.building > 0);
    expect(await turnsUntil(() => node.installer.building === 0)).toBeGreaterThan(8);
    clock.mockRestore();
    await node.settle();
    expect(await node.table(1)).toEqual({ any: 4000, peers: 1 });
  });

  it('many policies are taken up in slices, between which everything else has its turn', async () => {
    const node = await tenants(new FakeKernel(16_384));
    let now = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 10));
    let turns = 0;
    const count = async (): Promise<void> => {
      let isOver = false;
      void node.settle().then(() => (isOver = true));
      for (turns = 0; !isOver; turns += 1) await new Promise((turn) => setImmediate(turn));
    };
    await count();
    const idle = turns;
    for (let index = 0; index < 100; index += 1)
      node.put(node.intent.policies, onlyFrom(`p${index}`, 'victim', `c${index}`));
    await count();
    expect(turns).toBeGreaterThan(idle + 100);
    clock.mockRestore();
  });

  it('the smallest of the large tables is made first, and of four one is that which waits longest', async () => {
    const node = await tenants(new FakeKernel(65_536));
    const rows = new Map([[11, 2_600], ...[12, 13, 14, 15, 16].map((id) => [id, 2_100 + 10 * id] as const)]);
    for (const [id, count] of rows) {
      const pod = podRow(`p${id}`, { app: `p${id}` });
      node.put(node.intent.pods, pod);
      node.connect(id, pod);
      node.put(node.intent.policies, ports(`own-${id}`, `p${id}`, count));
    }
    const stores: number[] = [];
    node.kernel.words.onSet = (id) => stores.push(id);
    await node.settle();
    for (const [id, count] of rows) expect(await node.table(id)).toEqual({ any: count, peers: 1 });
    expect(stores.slice(-rows.size)).toEqual([12, 13, 14, 11, 15, 16]);
  });

  it('identities that the same policies select share one table', async () => {
    const node = await tenants();
    node.put(node.intent.policies, policyRow('all', { podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] }));
    const pods = Array.from({ length: 20 }, (_, n) => podRow(`p${n}`, { app: `p${n}` }));
    node.put(node.intent.pods, ...pods);
    for (const [n, pod] of pods.entries()) node.connect(10 + n, pod);
    const before = node.installer.rows;
    await node.settle();
    expect(node.installer.rows, 'one for the port, one for the node').toBe(before + 2);
    expect(new Set(pods.map((_, n) => node.word(10 + n)?.revision)).size).toBe(1);
  });

  it('20,000 policies that come and go leave nothing', async () => {
    const node = await tenants();
    const settled = async () => {
      await node.settle();
      await node.later();
      await node.settle();
      const { sets, prefixes } = node.repository.held;
      const maps = Object.values(node.kernel.policy).map((map) => map.entries());
      return { sets, prefixes, entries: (await Promise.all(maps)).map(({ length }) => length) };
    };
    const before = await settled();
    for (let round = 0; round < 20_000; round += 1) {
      const policy = policyRow(`p${round}`, {
        podSelector: { matchLabels: { app: 'victim' } },
        ingress: [
          { from: [{ ipBlock: { cidr: `10.${round % 200}.0.0/16` } }], ports: [{ port: 1 + (round % 60_000) }] },
        ],
      });
      node.put(node.intent.policies, policy);
      if (round % 50 === 0) await node.settle();
      node.drop(node.intent.policies, policy);
    }
    expect(await settled()).toEqual(before);
    expect(node.repository.held.rules).toBeLessThan(5_000);
  });
});
