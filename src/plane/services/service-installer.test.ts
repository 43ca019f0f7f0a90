import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NamespacedName } from '../../base/index.ts';
import { type ServiceMaps, type TypedMap } from '../../datapath/index.ts';
import { fakeServiceMaps } from '../../datapath/maps/testkit.ts';
import type { Backend, Frontend, FrontendKind } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import { sampleFrontend, sampleName } from '../../service/samples.ts';
import { installerOn } from './testkit.ts';

const backend = (last: number, state: Backend['state'] = 'ready'): Backend => ({
  addr: parseAddr(`10.244.1.${last}`),
  port: 8080,
  protocol: 'TCP',
  state,
  pod: sampleName(`a/p${last}`),
  local: true,
});

type Options = {
  readonly kind?: FrontendKind;
  readonly addr?: string;
  readonly port?: number;
  readonly external?: readonly Backend[];
  readonly draining?: readonly Backend[];
  readonly affinitySeconds?: number;
  readonly externalLocal?: boolean;
};

const frontend = (service: string, backends: readonly Backend[], options: Options = {}): Frontend => {
  const { addr = '10.96.0.10', external = backends, ...more } = options;
  return sampleFrontend(backends, {
    service: sampleName(service),
    addr: parseAddr(addr),
    externalBackends: external,
    ...more,
  });
};

const desiredOf = (...frontends: Frontend[]): Map<NamespacedName, readonly Frontend[]> =>
  Map.groupBy(frontends, (f) => f.service);

/** Frontend -> addresses of its backends in order; fails where something points at nothing. */
async function served(maps: ServiceMaps): Promise<Record<string, string[]>> {
  const rows = (await maps.services.entries()).map(([key, value]): [string, string[]] => {
    const addrs = Array.from({ length: value.count }, (_, slot) => {
      const id = maps.slots.get({ revision: value.revision, slot })?.backend;
      const found = id === undefined ? undefined : maps.backends.get(id);
      if (found === undefined) throw new Error(`slot ${slot} of ${key.addr} points at nothing`);
      return `${found.addr}:${found.port}`;
    });
    return [`${key.scope} ${key.addr}:${key.port}`, addrs];
  });
  return Object.fromEntries(rows);
}

/** Calls `look` after every single write. */
function watched(maps: ServiceMaps, look: () => void): ServiceMaps {
  const wrap = <K, V>(map: TypedMap<K, V>): TypedMap<K, V> => ({
    spec: map.spec,
    get: (key) => map.get(key),
    entries: () => map.entries(),
    packed: () => map.packed(),
    set: (key, value) => {
      map.set(key, value);
      look();
    },
    delete: (key) => {
      const was = map.delete(key);
      look();
      return was;
    },
    setMany: async (entries) => {
      for (const [key, value] of entries) {
        map.set(key, value);
        look();
      }
    },
    deleteMany: async (keys) => {
      let count = 0;
      for (const key of keys) {
        if (map.delete(key)) count += 1;
        look();
      }
      return count;
    },
  });
  return { services: wrap(maps.services), slots: wrap(maps.slots), backends: wrap(maps.backends) };
}

describe('ServiceInstaller', () => {
  it('serves cluster addresses inside only, and node ports by scope', async () => {
    const maps = fakeServiceMaps();
    const installer = await installerOn(maps);
    const all = [backend(1), backend(2)];
    await installer.install(
      desiredOf(
        frontend('a/web', all, { affinitySeconds: 600 }),
        frontend('a/web', all, { kind: 'NodePort', addr: '::', port: 30_080, external: [backend(1)] }),
      ),
      0,
    );
    expect(await served(maps)).toEqual({
      'inside 10.96.0.10:80': ['10.244.1.1:8080', '10.244.1.2:8080'],
      'inside :::30080': ['10.244.1.1:8080', '10.244.1.2:8080'],
      'outside :::30080': ['10.244.1.1:8080'],
    });
    const values = (await maps.services.entries()).map(([, value]) => value);
    expect(new Set(values.map(({ service }) => service)).size).toBe(1);
    expect((await maps.backends.entries()).length).toBe(2);
    expect(installer.counts).toEqual({ services: 1, frontends: 3, backends: 2 });
  });

  it('has a Maglev table for clients from outside where that is asked for, and adopts it', async () => {
    const maps = fakeServiceMaps();
    const desired = desiredOf(
      frontend('a/web', [backend(1), backend(2)], { kind: 'NodePort', addr: '::', port: 30_080 }),
    );
    await (await installerOn(maps, 251)).install(desired, 0);
    const all = await served(maps);
    expect(all['inside :::30080']).toHaveLength(2);
    expect(all['outside :::30080']).toHaveLength(251);
    expect(new Set(all['outside :::30080'])).toEqual(new Set(['10.244.1.1:8080', '10.244.1.2:8080']));
    const flags = (await maps.services.entries()).map(([{ scope }, value]) => [scope, value.flags]);
    expect(Object.fromEntries(flags)).toEqual({ inside: 0, outside: 1 });

    let writes = 0;
    const again = await installerOn(
      watched(maps, () => (writes += 1)),
      251,
    );
    await again.install(desired, 0);
    await again.prune(0);
    expect(writes).toBe(0);
    await again.install(new Map([[sampleName('a/web'), []]]), 0);
    await again.sweep(1_000);
    expect(await maps.slots.entries()).toEqual([]);
  });

  it('has affinity of its own for backends of this node only', async () => {
    const maps = fakeServiceMaps();
    const desired = desiredOf(
      frontend('a/web', [backend(1), backend(2)]),
      frontend('a/web', [backend(1), backend(2)], {
        kind: 'NodePort',
        addr: '::',
        port: 30_080,
        external: [backend(1)],
        externalLocal: true,
      }),
    );
    await (await installerOn(maps)).install(desired, 0);
    const numbers = async () =>
      Object.fromEntries(
        (await maps.services.entries()).map(([{ scope, port }, value]) => [`${scope} ${port}`, value.service]),
      );
    const before = await numbers();
    expect(before['inside 80']).toBe(before['inside 30080']);
    expect(before['outside 30080']).not.toBe(before['inside 30080']);
    const again = await installerOn(maps);
    await again.install(desired, 0);
    await again.prune(0);
    expect(await numbers()).toEqual(before);
    expect((await maps.backends.entries()).length).toBe(2);
  });

  it('refuses connections where nobody serves', async () => {
    const maps = fakeServiceMaps();
    const installer = await installerOn(maps);
    await installer.install(desiredOf(frontend('a/web', [])), 0);
    expect((await maps.services.entries()).map(([, { count }]) => count)).toEqual([0]);
    expect(await maps.slots.entries()).toEqual([]);
  });

  it('keeps the numbers of what stays, and gives nobody those of what left', async () => {
    const maps = fakeServiceMaps();
    const installer = await installerOn(maps);
    const idOf = async (last: number) =>
      (await maps.backends.entries()).find(([, { addr }]) => addr === `10.244.1.${last}`)?.[0];
    await installer.install(desiredOf(frontend('a/web', [backend(1), backend(2)])), 0);
    const [one, two] = [await idOf(1), await idOf(2)];
    await installer.install(desiredOf(frontend('a/web', [backend(2), backend(3)])), 0);
    await installer.sweep(1_000);
    expect(await idOf(1)).toBeUndefined();
    expect(await idOf(2)).toBe(two);
    await installer.install(desiredOf(frontend('a/web', [backend(1), backend(2)])), 2_000);
    expect(await idOf(1)).not.toBe(one);
  });

  it('does not share backends between services: who leaves one is not found by its clients', async () => {
    const maps = fakeServiceMaps();
    const installer = await installerOn(maps);
    await installer.install(
      desiredOf(frontend('a/web', [backend(1)]), frontend('a/api', [backend(1)], { addr: '10.96.0.11' })),
      0,
    );
    expect((await maps.backends.entries()).length).toBe(2);
  });

  it('marks who drains, keeps him until he is gone, and takes him back', async () => {
    const maps = fakeServiceMaps();
    const installer = await installerOn(maps);
    const flags = async () =>
      Object.fromEntries((await maps.backends.entries()).map(([, { addr, flags: bits }]) => [addr.slice(-1), bits]));
    await installer.install(desiredOf(frontend('a/web', [backend(1), backend(2)])), 0);
    await installer.install(desiredOf(frontend('a/web', [backend(2)], { draining: [backend(1, 'draining')] })), 0);
    await installer.sweep(1_000);
    expect(await flags()).toEqual({ 1: 1, 2: 0 });
    await installer.install(desiredOf(frontend('a/web', [backend(1), backend(2)])), 1_000);
    expect(await flags()).toEqual({ 1: 0, 2: 0 });
    await installer.install(desiredOf(frontend('a/web', [backend(2)], { draining: [backend(1, 'draining')] })), 1_000);
    await installer.install(desiredOf(frontend('a/web', [backend(2)])), 1_000);
    await installer.sweep(2_000);
    expect(await flags()).toEqual({ 2: 0 });
  });

  it('marks who left until he is deleted, so that nobody is sent on to him', async () => {
    const maps = fakeServiceMaps();
    const installer = await installerOn(maps);
    const flags = async () =>
      Object.fromEntries((await maps.backends.entries()).map(([, { addr, flags: bits }]) => [addr.slice(-1), bits]));
    await installer.install(desiredOf(frontend('a/web', [backend(1), backend(2)])), 0);
    await installer.install(desiredOf(frontend('a/web', [backend(2)])), 0);
    expect(await flags()).toEqual({ 1: 1, 2: 0 });
    await installer.install(new Map([[sampleName('a/web'), []]]), 0);
    expect(await flags()).toEqual({ 1: 1, 2: 1 });
    await installer.sweep(1_000);
    expect(await flags()).toEqual({});
  });

  it('lets a restart interrupt nothing that drains', async () => {
    const maps = fakeServiceMaps();
    const installer = await installerOn(maps);
    await installer.install(desiredOf(frontend('a/web', [backend(1), backend(2), backend(3)])), 0);
    const leaving = desiredOf(frontend('a/web', [backend(2)], { draining: [backend(1), backend(3)] }));
    await installer.install(leaving, 0);
    await installer.sweep(1_000);
    const before = await maps.backends.entries();
    expect(before.length).toBe(3);
    let writes = 0;
    const again = await installerOn(watched(maps, () => (writes += 1)));
    await again.install(leaving, 0);
    await again.prune(0);
    expect(writes).toBe(0);
    // One of them comes back, in the first moments of another life.
    const third = await installerOn(maps);
    await third.install(desiredOf(frontend('a/web', [backend(1), backend(2)], { draining: [backend(3)] })), 0);
    await third.prune(0);
    const ids = (entries: typeof before) => entries.map(([id, { addr }]) => `${id} ${addr}`).toSorted();
    expect(ids(await maps.backends.entries())).toEqual(ids(before));
  });

  it('leaves what an earlier life had in force for those who read it just now', async () => {
    const maps = fakeServiceMaps();
    await (await installerOn(maps)).install(desiredOf(frontend('a/web', [backend(1)])), 0);
    const [[slot] = []] = await maps.slots.entries();
    const [[id] = [0]] = await maps.backends.entries();
    const again = await installerOn(maps);
    await again.install(desiredOf(frontend('a/web', [backend(2)])), 0);
    await again.prune(0);
    await again.sweep(100);
    expect(slot === undefined ? undefined : maps.slots.get(slot)).toEqual({ backend: id });
    expect(maps.backends.get(id)?.flags, 'nobody is sent on to it').toBe(1);
    expect(await again.sweep(1_000)).toBe(1);
    expect([(await maps.slots.entries()).length, (await maps.backends.entries()).length]).toEqual([1, 1]);
  });

  it('counts what an earlier life left, and writes nothing of what has no room beside it', async () => {
    const maps = fakeServiceMaps({ slots: 4 });
    await (await installerOn(maps)).install(desiredOf(frontend('a/old', [backend(1), backend(2)])), 0);
    let writes = 0;
    const again = await installerOn(watched(maps, () => (writes += 1)));
    const large = desiredOf(
      frontend(
        'a/new',
        [3, 4, 5].map((last) => backend(last)),
        { addr: '10.96.0.11' },
      ),
    );
    await again.install(large, 0);
    expect([writes, again.refused.get(sampleName('a/new'))?.message]).toEqual([
      0,
      expect.stringContaining('slots: 2 of 4'),
    ]);
    await again.prune(0);
    expect(again.retryRefused(), 'its frontend is gone').toEqual(['a/new']);
    await again.sweep(1_000);
    expect(again.retryRefused(), 'and its slots').toEqual(['a/new']);
    await again.install(large, 1_000);
    expect(again.refused.size).toBe(0);
  });

  it('leaves nothing of what the kernel refused for another reason than room', async () => {
    const maps = fakeServiceMaps();
    let fails = true;
    const services: ServiceMaps['services'] = {
      spec: maps.services.spec,
      get: (key) => maps.services.get(key),
      set: (key, value) => maps.services.set(key, value),
      delete: (key) => maps.services.delete(key),
      entries: () => maps.services.entries(),
      packed: () => maps.services.packed(),
      deleteMany: (keys) => maps.services.deleteMany(keys),
      setMany: async (entries) => {
        if (fails) throw new Error('not now');
        await maps.services.setMany(entries);
      },
    };
    const installer = await installerOn({ ...maps, services });
    const desired = desiredOf(frontend('a/web', [backend(1), backend(2)]));
    await expect(installer.install(desired, 0)).rejects.toThrow('not now');
    expect([await maps.slots.entries(), await maps.backends.entries()]).toEqual([[], []]);
    fails = false;
    await installer.install(desired, 0);
    expect(installer.counts).toEqual({ services: 1, frontends: 1, backends: 2 });
  });

  it('hands a frontend from one service to another without a moment without it', async () => {
    const maps = fakeServiceMaps();
    let missing = 0;
    let started = false;
    const look = (): void => {
      const value = maps.services.get({ addr: parseAddr('10.96.0.10'), port: 80, protocol: 6, scope: 'inside' });
      if (started && value === undefined) missing += 1;
    };
    const installer = await installerOn(watched(maps, look));
    await installer.install(desiredOf(frontend('a/old', [backend(1)])), 0);
    started = true;
    const change = new Map<NamespacedName, readonly Frontend[]>([
      [sampleName('a/old'), []],
      [sampleName('a/new'), [frontend('a/new', [backend(2)])]],
    ]);
    await installer.install(change, 0);
    expect(missing).toBe(0);
    expect(await served(maps)).toEqual({ 'inside 10.96.0.10:80': ['10.244.1.2:8080'] });
  });

  it('refuses a service that does not fit, serves the others, and takes it when there is room', async () => {
    const maps = fakeServiceMaps({ slots: 4 });
    const installer = await installerOn(maps);
    const big = [1, 2, 3].map((last) => backend(last));
    await installer.install(
      desiredOf(
        frontend('a/one', [backend(1), backend(2)]),
        frontend('a/big', big, { addr: '10.96.0.11' }),
        frontend('a/two', [backend(3)], { addr: '10.96.0.12' }),
      ),
      0,
    );
    expect([...installer.refused.keys()]).toEqual(['a/big']);
    expect(installer.refused.get(sampleName('a/big'))?.message).toContain('3 more slots');
    expect(Object.keys(await served(maps))).toEqual(['inside 10.96.0.10:80', 'inside 10.96.0.12:80']);
    expect((await maps.slots.entries()).length).toBe(3);
    expect((await maps.backends.entries()).length).toBe(3);
    await installer.install(new Map([[sampleName('a/one'), []]]), 0);
    await installer.sweep(1_000);
    await installer.install(desiredOf(frontend('a/big', big, { addr: '10.96.0.11' })), 1_000);
    expect(installer.refused.size).toBe(0);
    expect((await served(maps))['inside 10.96.0.11:80']).toHaveLength(3);
  });

  it('keeps of a service that does not fit any more what it still wants', async () => {
    const maps = fakeServiceMaps({ slots: 3 });
    const installer = await installerOn(maps);
    await installer.install(desiredOf(frontend('a/web', [backend(1), backend(2)])), 0);
    const more = [2, 3, 4].map((last) => backend(last));
    await installer.install(desiredOf(frontend('a/web', more)), 0);
    expect(await served(maps)).toEqual({ 'inside 10.96.0.10:80': ['10.244.1.2:8080'] });
    expect(installer.refused.size).toBe(1);
    await installer.sweep(1_000);
    expect((await maps.backends.entries()).map(([, { addr }]) => addr)).toEqual(['10.244.1.2']);
  });

  it('takes what is gone out of a Maglev table without a row more, and serves nobody when all are gone', async () => {
    const maps = fakeServiceMaps({ slots: 268 });
    const installer = await installerOn(maps, 251);
    const place = { kind: 'NodePort', addr: '::', port: 30_080 } as const;
    const steps: [Backend[], string[]][] = [
      [
        [backend(1), backend(2)],
        ['10.244.1.1:8080', '10.244.1.2:8080'],
      ],
      [[backend(2), backend(3)], ['10.244.1.2:8080']],
      [[backend(4), backend(5)], []],
    ];
    for (const [external, expected] of steps) {
      await installer.install(desiredOf(frontend('a/web', [], { ...place, external })), 0);
      expect([...new Set((await served(maps))['outside :::30080'])].toSorted()).toEqual(expected);
    }
  });

  it('lets a small change through while a large one waits for room', async () => {
    const maps = fakeServiceMaps({ slots: 64, backends: 64 });
    const installer = await installerOn(maps);
    await installer.prune(0);
    const many = (from: number, count: number): Backend[] => Array.from({ length: count }, (_, i) => backend(from + i));
    await installer.install(desiredOf(frontend('a/large', many(1, 40))), 0);
    await installer.install(desiredOf(frontend('a/large', many(101, 24))), 0);
    expect([...installer.refused.keys()]).toEqual(['a/large']);
    await installer.install(desiredOf(frontend('b/small', many(1, 4), { addr: '10.96.0.11' })), 0);
    expect([...installer.refused.keys()]).toEqual(['a/large']);
    await installer.sweep(1_000);
    await installer.install(desiredOf(frontend('a/large', many(101, 24))), 1_000);
    expect(installer.refused.size).toBe(0);
  });
});

const kinds = fc.constantFrom<FrontendKind>('ClusterIP', 'NodePort');
const list = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 5 });
const serviceArb = fc.record({ kind: kinds, backends: list, external: list, draining: list, gone: fc.boolean() });
const steps = fc.array(
  fc.record({
    changes: fc.array(fc.tuple(fc.constantFrom(sampleName('a'), sampleName('b'), sampleName('c')), serviceArb), {
      maxLength: 3,
    }),
    restart: fc.boolean(),
    sweep: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

describe('ServiceInstaller, whatever happens', () => {
  it('never shows a frontend a set that nobody wanted, leaves nothing behind, and adopts after a restart', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const maps = fakeServiceMaps();
        /** Every list of backends that a frontend was ever told to have, the last of them now. */
        const wanted = new Map<string, Set<string>>();
        const now = new Map<NamespacedName, readonly Frontend[]>();
        const look = (): void => {
          for (const [key, sets] of wanted) {
            const [scope = '', addr = '', port = ''] = key.split(' ');
            const value = maps.services.get({
              addr: parseAddr(addr),
              port: Number(port),
              protocol: 6,
              scope: scope === 'outside' ? 'outside' : 'inside',
            });
            if (value === undefined) continue;
            const ids = Array.from(
              { length: value.count },
              (_, slot) => maps.slots.get({ revision: value.revision, slot })?.backend ?? 0,
            );
            const text = ids.map((id) => maps.backends.get(id)?.addr ?? 'nothing').join();
            if (!sets.has(text)) throw new Error(`${key} shows ${text}`);
          }
        };
        let writes = 0;
        const observed = watched(maps, () => {
          writes += 1;
          look();
        });
        let installer = await installerOn(observed);
        let time = 0;
        for (const { changes, restart, sweep } of all) {
          time += 100;
          const step = new Map<NamespacedName, readonly Frontend[]>();
          for (const [name, { kind, backends, external, draining, gone }] of changes) {
            const ready = backends.map((last) => backend(last));
            const addr = kind === 'NodePort' ? '::' : `10.96.0.${name.charCodeAt(0)}`;
            const options = {
              kind,
              addr,
              port: name.charCodeAt(0),
              external: external.map((last) => backend(last)),
              draining: draining.map((last) => backend(last, 'draining')),
            };
            step.set(name, gone ? [] : [frontend(name, ready, options)]);
          }
          for (const [name, frontends] of step) {
            now.set(name, frontends);
            for (const f of frontends) {
              remember(wanted, `inside ${f.addr} ${f.port}`, f.backends);
              if (f.kind !== 'ClusterIP') remember(wanted, `outside ${f.addr} ${f.port}`, f.externalBackends);
            }
          }
          await installer.install(step, time);
          if (sweep) await installer.sweep(time);
          if (!restart) continue;
          installer = await installerOn(observed);
          writes = 0;
          await installer.install(now, time);
          expect(writes).toBe(0);
          await installer.prune(0);
        }
        await installer.sweep(time + 1_000);
        const expected: Record<string, string[]> = {};
        const text = (b: Backend): string => `${b.addr}:${b.port}`;
        for (const f of [...now.values()].flat()) {
          expected[`inside ${f.addr}:${f.port}`] = f.backends.map(text);
          if (f.kind !== 'ClusterIP') expected[`outside ${f.addr}:${f.port}`] = f.externalBackends.map(text);
        }
        expect(await served(maps)).toEqual(expected);
        // Nothing is there that nobody points at, but for backends that drain.
        const revisions = new Set((await maps.services.entries()).map(([, { revision }]) => revision));
        const slots = await maps.slots.entries();
        expect(slots.filter(([{ revision }]) => !revisions.has(revision))).toEqual([]);
        const ids = new Set(slots.map(([, { backend: id }]) => id));
        expect((await maps.backends.entries()).filter(([id, { flags }]) => !ids.has(id) && flags === 0)).toEqual([]);
        expect(installer.counts.backends).toBe((await maps.backends.entries()).length);
      }),
      { numRuns: 150 },
    );
  });
});

describe('ServiceInstaller without room', () => {
  it('never goes on with a backend that its service does not want any more, restarts or not', async () => {
    const change = fc.record({
      name: fc.constantFrom(sampleName('a'), sampleName('b'), sampleName('c')),
      backends: list,
      external: list,
      kind: kinds,
      gone: fc.boolean(),
    });
    const room = fc.record({ services: fc.integer({ min: 2, max: 6 }), slots: fc.nat(12), backends: fc.nat(12) });
    const run = fc.array(fc.record({ change, restart: fc.boolean(), sweep: fc.boolean() }), { maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(room, run, async (sizes, all) => {
        const maps = fakeServiceMaps({ ...sizes, slots: sizes.slots + 1, backends: sizes.backends + 1 });
        let installer = await installerOn(maps);
        const now = new Map<NamespacedName, readonly Frontend[]>();
        for (const [time, step] of all.entries()) {
          const { name, backends, external, kind, gone } = step.change;
          const addr = kind === 'NodePort' ? '::' : `10.96.0.${name.charCodeAt(0)}`;
          const options = { kind, addr, port: name.charCodeAt(0), external: external.map((last) => backend(last)) };
          const ready = backends.map((last) => backend(last));
          now.set(name, gone ? [] : [frontend(name, ready, options)]);
          if (step.restart) {
            installer = await installerOn(maps);
            await installer.install(now, time * 100);
            await installer.prune(0);
          } else await installer.install(new Map([[name, now.get(name) ?? []]]), time * 100);
          if (step.sweep) await installer.sweep(time * 100);
          const wanted = new Map<string, string[]>(
            [...now.values()].flat().flatMap((f) => {
              const text = (b: Backend): string => `${b.addr}:${b.port}`;
              return [
                [`inside ${f.addr}:${f.port}`, f.backends.map(text)] as const,
                [`outside ${f.addr}:${f.port}`, f.externalBackends.map(text)] as const,
              ];
            }),
          );
          for (const [key, shown] of Object.entries(await served(maps))) {
            expect(wanted.get(key)).toEqual(expect.arrayContaining(shown));
          }
        }
        await installer.sweep(1e9);
        expect(installer.counts.backends).toBe((await maps.backends.entries()).length);
      }),
      { numRuns: 300 },
    );
  });
});

function remember(wanted: Map<string, Set<string>>, key: string, backends: readonly Backend[]): void {
  const sets = wanted.get(key) ?? new Set<string>();
  wanted.set(key, sets.add(backends.map(({ addr }) => addr).join()));
}
