import { describe, expect, it } from 'vitest';
import { type ServiceMaps } from '../../datapath/index.ts';
import { fakeServiceMaps } from '../../datapath/maps/testkit.ts';
import type { ServiceSpec, SliceSpec } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import { sampleEndpoint, sampleName, sampleService, sampleSlice } from '../../service/samples.ts';
import { serviceNode } from './testkit.ts';

/** A node that heard of all that there is. */
async function agentOn(maps: ServiceMaps) {
  const node = await serviceNode(maps);
  const { intent, put, clock } = node;
  put(intent.nodes);
  put(intent.pods);
  put(intent.nodeSlices);
  const settle = async (): Promise<void> => {
    await clock.advance(10_000);
    await node.settle(true);
  };
  return { ...node, settle };
}

/** Three slices of 76 kB and four Services of a namespace: more than 262,144 backends. */
function greedy(namespace: string): { services: ServiceSpec[]; slices: SliceSpec[] } {
  const ports = Array.from({ length: 100 }, (_, i) => ({ name: `p${i}`, protocol: 'TCP' as const, port: 1 + i }));
  const names = ['w', 'x', 'y', 'z'];
  const services = names.map((name, i) =>
    sampleService({
      namespace,
      name,
      uid: `${namespace}-${name}`,
      clusterIPs: [`10.97.${namespace.length}.${i + 1}`],
      ports: ports.map((port) => ({ ...port, nodePort: 0 })),
    }),
  );
  const slices = names.flatMap((service) =>
    [0, 1, 2].map((part) => {
      const endpoints = Array.from({ length: 300 }, (_, i) => sampleEndpoint(`10.${200 + part}.${i >> 8}.${i & 255}`));
      return sampleSlice(endpoints, { namespace, name: `${service}-${part}`, service, ports });
    }),
  );
  return { services, slices };
}

const backendsOf = async (maps: ServiceMaps, addr: string): Promise<string[]> => {
  const value = maps.services.get({ addr: parseAddr(addr), port: 80, protocol: 6, scope: 'inside' });
  const { revision = 0, count = 0 } = value ?? {};
  const ids = Array.from({ length: count }, (_, slot) => maps.slots.get({ revision, slot })?.backend ?? 0);
  return ids.map((id) => maps.backends.get(id)?.addr ?? 'nothing');
};

const victim = (...addresses: string[]): SliceSpec =>
  sampleSlice(
    addresses.map((addr) => sampleEndpoint(addr)),
    { namespace: 'victim' },
  );

describe('a namespace that wants all rows of the maps of services', () => {
  it('does not keep the Service of another from its pods, at the sizes that are the default', async () => {
    const maps = fakeServiceMaps();
    const { intent, follower, put, settle } = await agentOn(maps);
    put(intent.services, sampleService({ namespace: 'victim', clusterIPs: ['10.96.0.10'] }));
    put(intent.slices, victim('10.244.1.2'));
    await settle();
    const attack = greedy('attacker');
    put(intent.services, ...attack.services);
    put(intent.slices, ...attack.slices);
    await settle();
    expect([...follower.refused.keys()].toSorted()).toEqual(attack.services.map(({ name }) => `attacker/${name}`));
    put(intent.slices, victim('10.244.1.3'));
    await settle();
    expect(await backendsOf(maps, '10.96.0.10')).toEqual(['10.244.1.3']);
  });

  it('nor do many namespaces that stay within their shares', async () => {
    const maps = fakeServiceMaps({ services: 4_096, slots: 65_536, backends: 16_384 });
    const { intent, put, settle } = await agentOn(maps);
    put(intent.services, sampleService({ namespace: 'victim', clusterIPs: ['10.96.0.10'] }));
    put(intent.slices, victim('10.244.1.2'));
    for (let n = 1; n <= 10; n += 1) {
      const { services, slices } = greedy('n'.repeat(n));
      put(intent.services, ...services);
      put(
        intent.slices,
        ...slices.map((slice, i) => ({ ...slice, endpoints: i % 3 === 0 ? slice.endpoints.slice(0, 10) : [] })),
      );
    }
    await settle();
    put(intent.slices, victim('10.244.1.3', '10.244.1.4', '10.244.1.5'));
    await settle();
    expect(await backendsOf(maps, '10.96.0.10')).toEqual(['10.244.1.3', '10.244.1.4', '10.244.1.5']);
  });
});

describe('a Service that gets no more', () => {
  it('has nothing of what it lost, says why, and gets the rest as soon as others give back', async () => {
    const maps = fakeServiceMaps({ services: 512, slots: 512, backends: 512 });
    const { intent, follower, engine, put, settle } = await agentOn(maps);
    const addresses = (count: number, from = 0): string[] =>
      Array.from({ length: count }, (_, i) => `10.244.${from}.${i + 1}`);
    const slice = (name: string, list: readonly string[]): SliceSpec =>
      sampleSlice(
        list.map((addr) => sampleEndpoint(addr)),
        { name, service: name },
      );
    const names = ['one', 'two', 'three'];
    put(
      intent.services,
      ...names.map((name, i) => sampleService({ name, uid: name, clusterIPs: [`10.96.0.${i + 1}`] })),
    );
    put(intent.slices, slice('one', addresses(60, 1)), slice('two', addresses(60, 2)), slice('three', addresses(8, 3)));
    await settle();
    expect(follower.refused.size).toBe(0);
    put(intent.slices, slice('three', addresses(9, 3).slice(1).concat(addresses(20, 4))));
    await settle();
    expect(await backendsOf(maps, '10.96.0.3')).toEqual(addresses(8, 3).slice(1));
    expect(engine.problemsOf(sampleName('a/three')).map(({ reason }) => reason)).toEqual(['NamespaceShareFull']);
    put(intent.slices, slice('one', addresses(5, 1)));
    await settle();
    await settle();
    expect((await backendsOf(maps, '10.96.0.3')).length).toBe(28);
    expect(engine.problemsOf(sampleName('a/three'))).toEqual([]);
  });

  it('of more backends than a Service may have: keeps those of its old ones that it still has, and no others', async () => {
    const maps = fakeServiceMaps({ services: 512, slots: 512, backends: 512 });
    const { intent, engine, put, settle } = await agentOn(maps);
    const slice = (from: number, to: number): SliceSpec =>
      sampleSlice(Array.from({ length: to - from }, (_, i) => sampleEndpoint(`10.244.1.${from + i}`)));
    put(intent.services, sampleService());
    put(intent.slices, slice(1, 4));
    await settle();
    put(intent.slices, slice(2, 200));
    await settle();
    expect(await backendsOf(maps, '10.96.0.10')).toEqual(['10.244.1.2', '10.244.1.3']);
    expect(engine.problemsOf(sampleName('a/web')).map(({ reason }) => reason)).toEqual(['ServiceTooLarge']);
    put(intent.slices, slice(50, 60));
    await settle();
    expect((await backendsOf(maps, '10.96.0.10')).length).toBe(10);
    expect(engine.problemsOf(sampleName('a/web'))).toEqual([]);
  });
});
