import { expect, test } from 'vitest';
import { silentLogger } from '../base/index.ts';
import { FakeClock } from '../base/testkit.ts';
import { namespaceRow } from '../cluster/samples.ts';
import { KEPT_TENANT, type MirrorObject } from '../kube/index.ts';
import { failureOf } from '../kube/response.ts';
import { MirrorKeeper } from './mirror-keeper.ts';
import { TenantView } from './tenant-view.ts';

const SETTINGS = {
  unassigned: 'Open',
  systemNamespaces: ['kube-system'],
  systemServices: { dns: 'kube-system/kube-dns' as never },
} as const;

/** What an API server has of mirrors, and a keeper of them that has had its turn after each change. */
async function keeping(enabled: boolean, there: readonly MirrorObject[] = []) {
  const clock = new FakeClock(1_000_000);
  const view = new TenantView({ client: undefined as never, watchSeconds: 30, clock, log: silentLogger });
  const key = ({ namespace, name }: Pick<MirrorObject, 'namespace' | 'name'>) => `${namespace}/${name}`;
  const objects = new Map(there.map((one) => [key(one), one]));
  const writes: string[] = [];
  let fault: Error | undefined;
  const refusing = new Set<string>();
  const forbidden = () => failureOf({ message: 'it is being terminated' }, { httpStatus: 403, what: 'POST' });
  const store = {
    list: async () => [...objects.values()],
    create: async (one: MirrorObject) => {
      if (fault !== undefined) throw fault;
      if (refusing.has(one.namespace)) throw forbidden();
      writes.push(`create ${key(one)}`);
      objects.set(key(one), JSON.parse(JSON.stringify(one)) as MirrorObject);
      return true;
    },
    delete: async (one: Pick<MirrorObject, 'namespace' | 'name'>) => {
      if (refusing.has(one.namespace)) throw forbidden();
      writes.push(`delete ${key(one)}`);
      return objects.delete(key(one));
    },
  };
  const tenant = (name: string, spec: object) =>
    view.tenants.set(KEPT_TENANT.parse({ metadata: { name, uid: name, resourceVersion: '1', generation: 1 }, spec }));
  tenant('shop', { namespaces: { prefix: 'shop-' }, systemServices: [] });
  tenant('later', { namespaces: { names: ['plain'] }, systemServices: [], mode: 'Observe' });
  view.namespaces.apply({
    upserts: ['shop-a', 'plain'].map((name) => namespaceRow(name)),
    deletes: [],
    synced: true,
  });
  for (const table of [view.tenants, view.services, view.nodes, view.proofs] as const)
    table.apply({ upserts: [], deletes: [], synced: true });
  const stop = new AbortController();
  const log = silentLogger;
  const keeper = new MirrorKeeper({ view, store, enabled, settings: SETTINGS, intervalMs: 500, clock, log });
  const running = keeper.run({ signal: stop.signal, check: () => undefined });
  const settle = async (): Promise<string[]> => {
    for (let turn = 0; turn < 8; turn += 1) await clock.advance(500);
    return writes.splice(0);
  };
  return {
    clock,
    view,
    tenant,
    objects,
    refusing,
    settle,
    fail: (error: Error | undefined) => {
      fault = error;
    },
    end: async () => {
      stop.abort();
      await running;
    },
  };
}

test('writes what the floor does of tenants that enforce, once, and what it does then when it changes', async () => {
  const kept = await keeping(true);
  const made = await kept.settle();
  expect(made).toEqual([expect.stringMatching(/^create shop-a\/membrane-floor-[0-9a-f]{10}$/)]);
  expect(await kept.settle()).toEqual([]);
  kept.view.namespaces.set(namespaceRow('shop-b'));
  const changed = await kept.settle();
  expect(changed.map((text) => text.replace(/-[0-9a-f]{10}$/, ''))).toEqual([
    'delete shop-a/membrane-floor',
    'create shop-a/membrane-floor',
    'create shop-b/membrane-floor',
  ]);
  kept.view.tenants.delete('shop');
  expect((await kept.settle()).filter((text) => text.startsWith('create'))).toEqual([]);
  expect(kept.objects.size).toBe(0);
  await kept.end();
});

test('puts right what somebody else has written or taken away, though nothing of it is told', async () => {
  const kept = await keeping(true);
  await kept.settle();
  const [[key, mirror] = expect.fail()] = [...kept.objects];
  kept.objects.set(key, { ...mirror, spec: { podSelector: {} } });
  kept.objects.set('plain/foreign', { namespace: 'plain', name: 'foreign', spec: {} });
  await kept.clock.advance(30_000);
  expect(await kept.settle()).toEqual([`delete ${key}`, 'delete plain/foreign', `create ${key}`]);
  kept.objects.delete(key);
  await kept.clock.advance(30_000);
  await kept.settle();
  expect([...kept.objects]).toEqual([[key, mirror]]);
  await kept.end();
});

test('takes all away where there are to be none, and touches no policy without the label', async () => {
  const there = ['a', 'b'].map((name) => ({ namespace: 'shop-a', name, spec: {} }));
  const kept = await keeping(false, there);
  expect(await kept.settle()).toEqual(['delete shop-a/a', 'delete shop-a/b']);
  expect(await kept.settle()).toEqual([]);
  await kept.end();
});

test('tries again what was refused', async () => {
  const kept = await keeping(true);
  kept.fail(new Error('not now'));
  kept.view.namespaces.set(namespaceRow('shop-b'));
  await kept.settle();
  kept.fail(undefined);
  await kept.clock.advance(60_000);
  await kept.settle();
  expect(kept.objects.size).toBe(2);
  await kept.end();
});

const nameless = (texts: readonly string[]): string[] => texts.map((text) => text.replace(/-[0-9a-f]{10}$/, ''));

test('a namespace that takes none, since it is on its way out, holds up no other', async () => {
  const kept = await keeping(true);
  await kept.settle();
  kept.refusing.add('shop-b');
  for (const name of ['shop-b', 'shop-c']) kept.view.namespaces.set(namespaceRow(name));
  const ofOthers = ['delete shop-a/membrane-floor', 'create shop-a/membrane-floor', 'create shop-c/membrane-floor'];
  expect(nameless(await kept.settle())).toEqual(ofOthers);
  // Nor do others wait for longer and longer for what comes after it.
  for (let turn = 0; turn < 5; turn += 1) {
    kept.view.namespaces.set(namespaceRow(`plain-${turn}`));
    await kept.settle();
  }
  kept.view.namespaces.set(namespaceRow('shop-d'));
  expect(nameless(await kept.settle()).filter((text) => text.includes('shop-d'))).toEqual([
    'create shop-d/membrane-floor',
  ]);
  kept.refusing.clear();
  await kept.clock.advance(30_000);
  expect(nameless(await kept.settle())).toEqual(['create shop-b/membrane-floor']);
  await kept.end();
});

test('where an old one stays nothing new is said beside it', async () => {
  const kept = await keeping(true);
  await kept.settle();
  kept.refusing.add('shop-a');
  kept.view.namespaces.set(namespaceRow('shop-b'));
  expect(nameless(await kept.settle())).toEqual(['create shop-b/membrane-floor']);
  kept.refusing.clear();
  await kept.clock.advance(30_000);
  expect((await kept.settle()).map((text) => text.replace(/\/.*/, ''))).toEqual(['delete shop-a', 'create shop-a']);
  await kept.end();
});

test('looks again after half a minute, also where the clock was set back meanwhile', async () => {
  const kept = await keeping(true);
  await kept.settle();
  const [key = expect.fail()] = kept.objects.keys();
  kept.objects.delete(key);
  kept.clock.set(-3_600_000);
  await kept.clock.advance(30_000);
  expect(await kept.settle()).toEqual([`create ${key}`]);
  await kept.end();
});
