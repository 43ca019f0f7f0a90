import { describe, expect, test } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { KEPT_TENANT, type KeptTenant, TENANT_FINALIZER, type TenantStatus } from '../kube/index.ts';
import { failureOf } from '../kube/response.ts';
import { TenantKeeper } from './tenant-keeper.ts';
import { TenantView } from './tenant-view.ts';

const SETTINGS = {
  unassigned: 'Open',
  systemNamespaces: ['kube-system'],
  systemServices: { dns: 'kube-system/kube-dns' as never },
} as const;

type Said = { readonly spec: object; readonly finalizers?: readonly string[]; readonly deleted?: boolean };

/** Tenants and namespaces as an API server has them, and a keeper that has had its turn after each change. */
async function keeping(said: Readonly<Record<string, Said>>, namespaces: readonly string[]) {
  const clock = new FakeClock(1_000_000);
  const view = new TenantView({ client: undefined as never, watchSeconds: 30, clock, log: silentLogger });
  const objects = new Map<
    string,
    { -readonly [K in keyof Said]: Said[K] } & { status?: TenantStatus; writes: number }
  >();
  let version = 0;
  const show = (name: string): void => {
    const object = objects.get(name);
    if (object === undefined) return view.tenants.delete(name);
    const { spec, finalizers, deleted, status } = object;
    version += 1;
    const metadata = {
      name,
      uid: name,
      resourceVersion: String(version),
      generation: 1,
      finalizers,
      ...(deleted === true && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    };
    view.tenants.set(KEPT_TENANT.parse(JSON.parse(JSON.stringify({ metadata, spec, status }))));
  };
  const write = (name: string, change: object): boolean => {
    const object = objects.get(name);
    if (object === undefined) return false;
    Object.assign(object, change, { writes: object.writes + 1 });
    if (object.deleted === true && object.finalizers?.length === 0) objects.delete(name);
    show(name);
    return true;
  };
  const faults = new Map<string, number>();
  const tried: string[] = [];
  const answer = (name: string, change: object): boolean => {
    tried.push(name);
    const httpStatus = faults.get(name) ?? faults.get('');
    if (httpStatus === undefined) return write(name, change);
    throw failureOf({ message: `says ${httpStatus}` }, { httpStatus, what: `PATCH ${name}` });
  };
  const store = {
    setFinalizers: async ({ name }: KeptTenant, finalizers: readonly string[]) => answer(name, { finalizers }),
    setStatus: async ({ name }: KeptTenant, status: TenantStatus) => answer(name, { status }),
  };
  const events: object[] = [];
  const unwritten: number[] = [];
  const put = (name: string, one: Said): void => {
    objects.set(name, { finalizers: [], writes: 0, ...objects.get(name), ...one });
    show(name);
  };
  for (const [name, one] of Object.entries(said)) put(name, one);
  const row = (name: string) => ({ uid: name, namespace: '', name, labels: {} });
  view.namespaces.apply({ upserts: namespaces.map(row), deletes: [], synced: true });
  view.services.apply({ upserts: [], deletes: [], synced: true });
  for (const table of [view.tenants, view.nodes, view.proofs]) table.apply({ upserts: [], deletes: [], synced: true });
  const stop = new AbortController();
  const keeper = new TenantKeeper({
    view,
    store,
    events: { say: async (event) => void events.push(event) },
    metrics: { unwritten: (count) => void unwritten.push(count) },
    host: 'here',
    settings: SETTINGS,
    intervalMs: 500,
    clock,
    log: silentLogger,
  });
  const running = keeper.run({ signal: stop.signal, check: () => undefined });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 8; i += 1) await clock.advance(500);
  };
  await settle();
  return {
    objects,
    put,
    settle,
    faults,
    tried,
    events,
    unwritten,
    clock,
    proofs: view.proofs,
    nodes: view.nodes,
    leave: (namespace: string) => view.namespaces.delete(namespace),
    conditions: (name: string) =>
      Object.fromEntries(
        (objects.get(name)?.status?.conditions ?? []).map(({ type, status, message }) => [type, message || status]),
      ),
    end: async () => {
      stop.abort();
      await running;
    },
  };
}

const claim = (...names: string[]): Said => ({ spec: { namespaces: { names }, systemServices: [] } });

test('says what a tenant has and has not, once', async () => {
  const kept = await keeping({ shop: claim('web', 'db', 'kube-system', 'later'), thief: claim('db') }, [
    'web',
    'db',
    'kube-system',
  ]);
  expect(kept.objects.get('shop')).toMatchObject({ finalizers: [TENANT_FINALIZER], status: { namespaces: ['web'] } });
  expect(kept.conditions('shop')).toMatchObject({
    MembershipClear: "namespace db is claimed by tenants shop, thief; namespace kube-system is the cluster's own",
    ImportsResolved: 'True',
  });
  const { writes } = kept.objects.get('shop') ?? {};
  await kept.settle();
  expect(kept.objects.get('shop')?.writes).toBe(writes);
  await kept.end();
});

test('says which imports are not shared', async () => {
  const spec = { namespaces: { names: ['web'] }, systemServices: [], imports: [{ tenant: 'billing', export: 'api' }] };
  const kept = await keeping({ shop: { spec } }, ['web']);
  expect(kept.conditions('shop')).toMatchObject({
    MembershipClear: 'True',
    ImportsResolved: 'import billing/api: tenant billing exports nothing of this name to shop',
  });
  await kept.end();
});

test('keeps one that is being deleted until its namespaces are gone', async () => {
  const kept = await keeping({ shop: { ...claim('web'), finalizers: ['else.io/x'] } }, ['web']);
  expect(kept.objects.get('shop')?.finalizers).toEqual(['else.io/x', TENANT_FINALIZER]);
  kept.put('shop', { ...claim('web'), deleted: true });
  await kept.settle();
  expect(kept.objects.get('shop')?.finalizers).toContain(TENANT_FINALIZER);
  expect(kept.conditions('shop')['MembershipClear']).toContain('it is being deleted');
  kept.leave('web');
  await kept.settle();
  expect(kept.objects.get('shop')?.finalizers).toEqual(['else.io/x']);
  await kept.end();
});

test('lets one go whose namespaces another claims', async () => {
  const kept = await keeping({ shop: claim('web') }, ['web']);
  kept.put('shop', { ...claim('web'), deleted: true });
  kept.put('heir', claim('web'));
  await kept.settle();
  expect(kept.objects.has('shop')).toBe(false);
  expect(kept.objects.get('heir')).toMatchObject({ status: { namespaces: ['web'] } });
  await kept.end();
});

test('says what nodes have proved, and that it does not know once that is old', async () => {
  const kept = await keeping({ shop: claim('web') }, ['web']);
  expect(kept.conditions('shop')['Isolated']).toBe('there are no nodes');
  kept.nodes.set({ uid: 'n', namespace: '', name: 'node-1', addresses: [], podCidrs: [] } as never);
  await kept.settle();
  expect(kept.conditions('shop')['Isolated']).toContain('from node-1');
  const told = { differing: [], open: [], limited: [], ineffective: [{ tenant: 'shop', rules: 2 }] };
  const tenants = new Map([['shop', 1]]);
  kept.proofs.set({ uid: 'p', namespace: '', name: 'node-1', at: kept.clock.now(), tenants, ...told });
  await kept.settle();
  expect(kept.objects.get('shop')?.status).toMatchObject({ enforced: '1/1', ineffectiveRules: 2 });
  expect(kept.conditions('shop')['Isolated']).toContain('generation 1 is proved on 1 of 1 nodes');
  for (let i = 0; i < 12; i += 1) await kept.clock.advance(30_000);
  await kept.settle();
  expect(kept.conditions('shop')['Isolated']).toContain('no proof of generation 1');
  expect(kept.objects.get('shop')?.status?.enforced).toBe('0/1');
  expect(kept.objects.get('shop')?.status?.ineffectiveRules).toBeUndefined();
  await kept.end();
});

test('says what nodes have found, and how little it is worth, also once the clock was set back', async () => {
  const kept = await keeping({ shop: claim('web') }, ['web']);
  kept.nodes.set({ uid: 'n', namespace: '', name: 'node-1', addresses: [], podCidrs: [] } as never);
  await kept.settle();
  kept.clock.set(-3_600_000);
  const open = [{ tenant: 'shop', message: 'TCP 8080 from b/y' }];
  const told = { at: kept.clock.now(), differing: [], open, limited: [], ineffective: [] };
  kept.proofs.set({ uid: 'p', namespace: '', name: 'node-1', tenants: new Map([['shop', 1]]), ...told });
  await kept.settle();
  expect(kept.conditions('shop')['Isolated']).toBe('node-1: TCP 8080 from b/y');
  kept.clock.set(-3_600_000);
  await kept.clock.advance(30_000);
  await kept.settle();
  expect(kept.objects.get('shop')?.status?.enforced, 'nobody knows of when that proof is').toBe('0/1');
  await kept.end();
});

describe('what the server refuses of one', () => {
  const refused = async (code: number) => {
    const kept = await keeping({ bad: claim('web'), shop: claim('db') }, ['web', 'db', 'new', 'later']);
    kept.faults.set('bad', code);
    kept.put('bad', claim('web', 'new'));
    await kept.settle();
    return kept;
  };

  test.each([403, 422, 429, 500])('is said on it once, and holds up no other: %d', async (code) => {
    const kept = await refused(code);
    kept.put('shop', claim('db', 'later'));
    await kept.settle();
    expect(kept.objects.get('shop')?.status?.namespaces).toEqual(['db', 'later']);
    expect(kept.unwritten.at(-1)).toBe(1);
    for (let i = 0; i < 10; i += 1) await kept.clock.advance(60_000);
    expect(kept.events).toMatchObject([
      {
        reason: 'StatusNotWritten',
        message: expect.stringContaining(`says ${code}`),
        involvedObject: { kind: 'Tenant', name: 'bad', uid: 'bad' },
      },
    ]);
    kept.faults.clear();
    for (let i = 0; i < 2; i += 1) await kept.clock.advance(60_000);
    await kept.settle();
    expect(kept.objects.get('bad')?.status?.namespaces).toEqual(['new', 'web']);
    expect(kept.unwritten.at(-1)).toBe(0);
    await kept.end();
  });

  test('is not asked all the time, but at once when the object is another', async () => {
    const kept = await refused(422);
    const { length: before } = kept.tried;
    for (let i = 0; i < 600; i += 1) await kept.clock.advance(500);
    expect(kept.tried.length - before).toBeLessThan(20);
    kept.faults.clear();
    kept.put('bad', claim('web'));
    await kept.settle();
    expect(kept.objects.get('bad')?.status?.namespaces).toEqual(['web']);
    await kept.end();
  });
});

test('a server that knows us no more is not asked about every tenant', async () => {
  const kept = await keeping({ one: claim('web'), two: claim('db') }, ['web', 'db', 'new', 'later']);
  kept.faults.set('', 401);
  kept.put('one', claim('web', 'new'));
  kept.put('two', claim('db', 'later'));
  const { length: before } = kept.tried;
  await kept.settle();
  expect(new Set(kept.tried.slice(before))).toEqual(new Set(['one']));
  expect(kept.events).toEqual([]);
  kept.faults.clear();
  for (let i = 0; i < 2; i += 1) await kept.clock.advance(60_000);
  await kept.settle();
  expect(kept.objects.get('two')?.status?.namespaces).toEqual(['db', 'later']);
  await kept.end();
});
