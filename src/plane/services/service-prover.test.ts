import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type NamespacedName, namespacedName } from '../../base/index.ts';
import type { ServiceKey, ServiceMaps, TypedMap } from '../../datapath/index.ts';
import { backendRow, fakeAffinityMap, fakeServiceMaps, serviceRow } from '../../datapath/maps/testkit.ts';
import { SERVICE_FLAG, type ServiceScope, type ServiceSpec, type SliceEndpoint } from '../../model/index.ts';
import { type Addr, PROTOCOL_NUMBERS, parseAddr } from '../../net/index.ts';
import type { FrontendDifference } from '../../reach/index.ts';
import { maglevTable } from '../../service/index.ts';
import { sampleEndpoint, sampleService, sampleSlice } from '../../service/samples.ts';
import { type ServiceNodeOptions, serviceNode } from './testkit.ts';

const MAGLEV = 251;
const NODE = 'node-1';
const OTHERS = 'node-2';
const SECONDS = 100;
const CLIENT = parseAddr('10.244.1.77');

type World = readonly { readonly service: ServiceSpec; readonly endpoints: readonly SliceEndpoint[] }[];

const endpoint = fc.record({
  at: fc.integer({ min: 1, max: 6 }),
  isLocal: fc.boolean(),
  state: fc.constantFrom('ready', 'terminating', 'not-ready'),
});

const oneService = fc.record({
  type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
  internalLocal: fc.boolean(),
  externalLocal: fc.boolean(),
  affinity: fc.boolean(),
  protocol: fc.constantFrom('TCP', 'UDP'),
  hasExternalIP: fc.boolean(),
  endpoints: fc.uniqueArray(endpoint, { maxLength: 5, selector: ({ at }) => at }),
});

const worlds = fc.array(oneService, { minLength: 1, maxLength: 4 }).map(
  (drawn): World =>
    drawn.map(({ type, internalLocal, externalLocal, affinity, protocol, hasExternalIP, endpoints }, index) => ({
      service: sampleService({
        uid: `u${index}`,
        namespace: index % 2 === 0 ? 'a' : 'b',
        name: `s${index}`,
        type,
        clusterIPs: [`10.96.0.${10 + index}`],
        externalIPs: hasExternalIP ? [`192.0.2.${10 + index}`] : [],
        ingressIPs: type === 'LoadBalancer' ? [`192.0.2.${100 + index}`] : [],
        ports: [{ name: '', protocol, port: 80, nodePort: type === 'ClusterIP' ? 0 : 30_000 + index }],
        affinitySeconds: affinity ? SECONDS : 0,
        internalTrafficPolicy: internalLocal ? 'Local' : 'Cluster',
        externalTrafficPolicy: externalLocal ? 'Local' : 'Cluster',
      }),
      endpoints: endpoints.map(({ at, isLocal, state }) =>
        sampleEndpoint(`10.244.${isLocal ? 1 : 2}.${index * 10 + at}`, {
          nodeName: isLocal ? NODE : OTHERS,
          ready: state === 'ready',
          serving: state !== 'not-ready',
          terminating: state === 'terminating',
        }),
      ),
    })),
);

type Asked = { readonly key: ServiceKey; readonly service: NamespacedName; readonly leadsTo: readonly string[] };

/** What Kubernetes says of these objects, place by place. */
function meant(world: World, isHashed: boolean): (Asked & { readonly seconds: number; readonly flags: number })[] {
  return world.flatMap(({ service, endpoints }) => {
    const fit = (among: readonly SliceEndpoint[]): string[] => {
      const ready = among.filter((one) => one.ready);
      const chosen = ready.length > 0 ? ready : among.filter((one) => one.serving && one.terminating);
      return chosen.map(({ address }) => `${address}:8080`).sort();
    };
    const all = fit(endpoints);
    const here = fit(endpoints.filter(({ nodeName }) => nodeName === NODE));
    const [port] = service.ports;
    if (port === undefined) return [];
    const protocol = PROTOCOL_NUMBERS[port.protocol];
    const at = (addr: string, number: number, scope: ServiceScope, leadsTo: readonly string[]) => ({
      key: { addr: parseAddr(addr), port: number, protocol, scope },
      service: namespacedName(service),
      leadsTo,
      seconds: service.affinitySeconds,
      flags: isHashed && scope === 'outside' && leadsTo.length > 1 ? SERVICE_FLAG.hashed : 0,
    });
    const outside = service.externalTrafficPolicy === 'Local' ? here : all;
    const both = (addr: string, number: number) => [
      at(addr, number, 'inside', all),
      at(addr, number, 'outside', outside),
    ];
    return [
      ...service.clusterIPs.map((addr) =>
        at(addr, 80, 'inside', service.internalTrafficPolicy === 'Local' ? here : all),
      ),
      ...[...service.externalIPs, ...service.ingressIPs].flatMap((addr) => both(addr, 80)),
      ...(port.nodePort === 0 ? [] : both('::', port.nodePort)),
    ];
  });
}

/** What may become of a client that knocks, slot by slot, as the programs look it up; undefined: nothing answers there. */
function found(maps: ServiceMaps, key: ServiceKey) {
  const row = maps.services.get(key);
  if (row === undefined) return undefined;
  const slots = Array.from({ length: row.count }, (_, slot) => {
    const at = maps.slots.get({ revision: row.revision, slot });
    const backend = at && maps.backends.get(at.backend);
    return backend && { place: `${backend.addr}:${backend.port}`, backend };
  });
  return { row, slots };
}

/** Place by place, how the kernel differs from what is meant: effect -> services, or `nobody`. */
async function bruteForce(maps: ServiceMaps, world: World, isHashed: boolean): Promise<Set<string>> {
  const wrong = new Set<string>();
  const text = ({ addr, port, protocol, scope }: ServiceKey): string => [addr, port, protocol, scope].join(' ');
  const known = new Set<string>();
  for (const { key, service, leadsTo, seconds, flags } of meant(world, isHashed)) {
    known.add(text(key));
    const is = found(maps, key);
    if (is === undefined) {
      wrong.add(`closes ${service}`);
      continue;
    }
    const places = is.slots.map((slot) => slot?.place);
    const here = new Set<string>();
    if (places.some((place) => place !== undefined && !leadsTo.includes(place))) here.add('opens');
    if (leadsTo.some((place) => !places.includes(place)) || places.includes(undefined)) here.add('closes');
    const isOther = is.slots.some(
      (slot) => slot !== undefined && (slot.backend.flags !== 0 || slot.backend.protocol !== key.protocol),
    );
    if (isOther || is.row.affinitySeconds !== seconds || is.row.flags !== flags) here.add('other');
    // Who leads elsewhere has another table, and nothing more is said of that.
    const table = flags === 0 ? places : Array.from(maglevTable(leadsTo, MAGLEV), (index) => leadsTo[index]);
    if (here.size === 0 && table.join() !== places.join()) here.add('other');
    for (const effect of here) wrong.add(`${effect} ${service}`);
  }
  for (const [key] of await maps.services.entries()) {
    if (known.has(text(key))) continue;
    wrong.add(`${found(maps, key)?.slots.some((slot) => slot !== undefined) === true ? 'opens' : 'closes'} nobody`);
  }
  return wrong;
}

async function nodeOf(world: World, maps: ServiceMaps, options: ServiceNodeOptions = {}) {
  const node = await serviceNode(maps, options);
  const { intent, put, settle } = node;
  for (const table of [intent.nodes, intent.pods, intent.nodeSlices]) {
    table.apply({ upserts: [], deletes: [], synced: true });
  }
  put(intent.services, ...world.map(({ service }) => service));
  put(
    intent.slices,
    ...world.map(({ service: { namespace, name, ports }, endpoints }) =>
      sampleSlice(endpoints, {
        uid: `slice ${name}`,
        namespace,
        name,
        service: name,
        ports: ports.map(({ protocol }) => ({ name: '', protocol, port: 8080 })),
      }),
    ),
  );
  await settle(true);
  return node;
}

const texts = (differences: readonly FrontendDifference[]): string[] =>
  Array.from(new Set(differences.map(({ effect, service }) => `${effect} ${service ?? 'nobody'}`))).sort();

const damages = fc.record({
  what: fc.constantFrom(
    ...(['slot', 'no slot', 'backend', 'port', 'no backend', 'drains', 'protocol'] as const),
    ...(['row', 'no row', 'more', 'fewer', 'seconds', 'flags', 'swapped'] as const),
  ),
  at: fc.nat(1_000),
  other: fc.nat(1_000),
});

type Damage = typeof damages extends fc.Arbitrary<infer T> ? T : never;

async function hurt({ services, slots, backends }: ServiceMaps, { what, at, other }: Damage): Promise<void> {
  const pick = <T>(all: readonly T[], index: number): T | undefined => all[index % Math.max(1, all.length)];
  const row = pick(await services.entries(), at);
  const slot = pick(await slots.entries(), at);
  const another = pick(await slots.entries(), other);
  const backend = pick(await backends.entries(), at);
  const stranger: Addr = parseAddr('10.244.9.9');
  if (row !== undefined) {
    const [key, value] = row;
    if (what === 'row') services.set({ ...key, port: 1_000 + other }, value);
    if (what === 'no row') services.delete(key);
    if (what === 'more') services.set(key, { ...value, count: value.count + 1 });
    if (what === 'fewer') services.set(key, { ...value, count: Math.max(0, value.count - 1) });
    if (what === 'seconds') services.set(key, { ...value, affinitySeconds: 7 });
    if (what === 'flags') services.set(key, { ...value, flags: value.flags ^ SERVICE_FLAG.hashed });
  }
  if (slot !== undefined && another !== undefined) {
    if (what === 'slot') slots.set(slot[0], another[1]);
    if (what === 'no slot') slots.delete(slot[0]);
    if (what === 'swapped') {
      slots.set(slot[0], another[1]);
      slots.set(another[0], slot[1]);
    }
  }
  if (backend !== undefined) {
    const [id, value] = backend;
    if (what === 'backend') backends.set(id, { ...value, addr: stranger });
    if (what === 'port') backends.set(id, { ...value, port: 9 });
    if (what === 'no backend') backends.delete(id);
    if (what === 'drains') backends.set(id, { ...value, flags: 1 });
    if (what === 'protocol') backends.set(id, { ...value, protocol: PROTOCOL_NUMBERS.SCTP });
  }
}

/** Does something when all of the map was read. */
function hooked<K, V>(map: TypedMap<K, V>, then: () => Promise<void>): void {
  const packed = map.packed.bind(map);
  map.packed = async () => {
    const rows = await packed();
    await then();
    return rows;
  };
}

describe('ServiceProver', () => {
  it('says nothing before services have reached the kernel', async () => {
    const { prover } = await serviceNode(fakeServiceMaps());
    expect(await prover.prove()).toBeUndefined();
  });

  it.each([undefined, MAGLEV] as const)(
    'finds what is written as it is meant, in 50 worlds, table %s',
    async (maglevSize) => {
      let compared = 0;
      await fc.assert(
        fc.asyncProperty(worlds, async (world) => {
          const maps = fakeServiceMaps();
          const { prover } = await nodeOf(world, maps, { maglevSize });
          const proof = await prover.prove();
          expect(proof?.differences).toEqual([]);
          expect(await bruteForce(maps, world, maglevSize !== undefined)).toEqual(new Set());
          expect(proof?.frontends).toBe(meant(world, false).length);
          compared += proof?.frontends ?? 0;
        }),
        { numRuns: 50 },
      );
      expect(compared).toBeGreaterThan(50);
    },
  );

  it.each([undefined, MAGLEV] as const)(
    'finds each row that somebody writes, and nothing else, in 150 worlds, table %s',
    async (maglevSize) => {
      const effects = { opens: 0, closes: 0, other: 0, nothing: 0 };
      await fc.assert(
        fc.asyncProperty(worlds, damages, async (world, damage) => {
          const maps = fakeServiceMaps();
          const { prover } = await nodeOf(world, maps, { maglevSize });
          await hurt(maps, damage);
          const wrong = Array.from(await bruteForce(maps, world, maglevSize !== undefined)).sort();
          const proof = await prover.prove();
          expect(texts(proof?.differences ?? [])).toEqual(wrong);
          if (wrong.length === 0) effects.nothing += 1;
          for (const { effect } of proof?.differences ?? []) effects[effect] += 1;
        }),
        { numRuns: 150 },
      );
      for (const count of Object.values(effects)) expect(count).toBeGreaterThan(0);
    },
  );

  it('names the rows, the service and where it may lead, and what is the same of many places once', async () => {
    const maps = fakeServiceMaps();
    const { prover } = await nodeOf(WEB, maps);
    const [[id, value] = []] = await maps.backends.entries();
    if (id === undefined || value === undefined) throw new Error('there is no backend');
    maps.backends.set(id, { ...value, addr: parseAddr('10.244.9.9') });
    const { differences = [] } = (await prover.prove()) ?? {};
    expect(differences.map(({ effect, pairs }) => [effect, pairs])).toEqual([
      ['opens', 3],
      ['closes', 3],
    ]);
    expect(differences[0]).toMatchObject({
      service: 'a/web',
      backend: { addr: '10.244.9.9', port: 8080 },
      frontend: { addr: '10.96.0.10', port: 80, protocol: 6, scope: 'inside' },
      rows: [
        expect.stringMatching(/^services row: TCP 10\.96\.0\.10:80 \(inside\) leads to set \d+ of 2 slots$/),
        expect.stringMatching(`^service_slots row of set \\d+: backends row ${id}: TCP 10\\.244\\.9\\.9:8080$`),
      ],
      meant: ['a/web leads to 10.244.1.2:8080, 10.244.2.3:8080'],
    });
  });

  it('a client that is sent back to a backend that the service has not', async () => {
    const maps = fakeServiceMaps();
    const affinity = fakeAffinityMap();
    const { prover } = await nodeOf(
      [
        ...WEB,
        {
          service: sampleService({ name: 'other', uid: 'o', namespace: 'b', clusterIPs: ['10.96.0.11'] }),
          endpoints: [sampleEndpoint('10.244.2.9')],
        },
      ],
      maps,
      { affinity },
    );
    const numberOf = (addr: string): number =>
      maps.services.get({ addr: parseAddr(addr), port: 80, protocol: 6, scope: 'inside' })?.service ?? 0;
    const idOf = async (addr: string): Promise<number> =>
      (await maps.backends.entries()).find(([, one]) => one.addr === addr)?.[0] ?? 0;
    const key = { client: CLIENT, service: numberOf('10.96.0.10') };
    const now = process.hrtime.bigint();
    const keep = async (addr: string, used = now): Promise<readonly FrontendDifference[] | undefined> => {
      affinity.set(key, { used, backend: await idOf(addr), seconds: SECONDS });
      return (await prover.prove())?.differences;
    };
    expect(await keep('10.244.1.2')).toEqual([]);
    // Of its own accord it has run out, whatever the row says of that.
    expect(await keep('10.244.2.9', now - BigInt(SECONDS + 1) * 1_000_000_000n)).toEqual([]);
    expect(await keep('10.244.2.9')).toMatchObject([
      { effect: 'opens', service: 'a/web', client: CLIENT, backend: { addr: '10.244.2.9', port: 8080 } },
    ]);
    const id = await idOf('10.244.2.9');
    const value = maps.backends.get(id);
    if (value === undefined) throw new Error('there is no backend');
    // The other's is said of the other.
    maps.backends.set(id, { ...value, flags: 1 });
    expect((await prover.prove())?.differences.map(({ service }) => service)).toEqual(['b/other']);
  });

  it('of a service that the maps have no room for only what is more than is meant', async () => {
    const maps = fakeServiceMaps({ services: 64, slots: 64, backends: 2 });
    const endpoints = [1, 2, 3, 4].map((at) => sampleEndpoint(`10.244.1.${at}`));
    const { prover, installer } = await nodeOf([{ service: sampleService(), endpoints }], maps, {
      sharesOf: fakeServiceMaps(),
    });
    expect(installer.refused.size).toBe(1);
    expect((await prover.prove())?.differences).toEqual([]);
    const key = { addr: parseAddr('10.96.0.10'), port: 80, protocol: 6, scope: 'inside' as const };
    maps.backends.set(77, backendRow({ addr: parseAddr('10.244.9.9'), port: 8080, protocol: 6 }));
    maps.slots.set({ revision: 77, slot: 0 }, { backend: 77 });
    maps.services.set(key, serviceRow({ revision: 77, count: 1, service: 77 }));
    expect((await prover.prove())?.differences).toMatchObject([{ effect: 'opens', service: 'a/web' }]);
  });

  it('nothing of what is under way, wherever a change falls between two readings', async () => {
    const change = fc.record({ after: fc.constantFrom('services', 'slots', 'backends'), kind: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (drawn) => {
        const maps = fakeServiceMaps();
        const node = await nodeOf(WEB, maps);
        const { intent, put, drop, settle, clock, prover } = node;
        let round = 0;
        const act = async (kind: number): Promise<void> => {
          round += 1;
          await clock.advance(1_000);
          const [web] = WEB;
          if (web === undefined) return;
          if (kind === 0) put(intent.slices, sampleSlice([sampleEndpoint(`10.244.1.${100 + round}`)], { name: 'web' }));
          if (kind === 1) put(intent.services, sampleService({ name: 'new', uid: 'n', clusterIPs: ['10.96.0.77'] }));
          if (kind === 2) drop(intent.services, web.service);
          // Heard, and not decided yet.
          if (kind === 3) {
            put(intent.slices, sampleSlice([], { name: 'web' }));
            return;
          }
          await settle();
        };
        const between = async (name: string): Promise<void> => {
          for (const { kind } of drawn.filter(({ after }) => after === name)) await act(kind);
        };
        hooked(maps.services, async () => await between('services'));
        hooked(maps.slots, async () => await between('slots'));
        hooked(maps.backends, async () => await between('backends'));
        expect((await prover.prove())?.differences).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

const WEB: World = [
  {
    service: sampleService({
      type: 'NodePort',
      affinitySeconds: SECONDS,
      ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30_080 }],
    }),
    endpoints: [sampleEndpoint('10.244.1.2'), sampleEndpoint('10.244.2.3', { nodeName: OTHERS })],
  },
];
