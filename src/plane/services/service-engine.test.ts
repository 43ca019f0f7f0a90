import { describe, expect, it } from 'vitest';
import { datapathErrors } from '../../datapath/errors.ts';
import { fakeServiceMaps } from '../../datapath/maps/testkit.ts';
import type { NodeRow, PodRow, ServiceSpec, SliceEndpoint, SliceSpec } from '../../model/index.ts';
import { parseAddr } from '../../net/index.ts';
import { sampleEndpoint, sampleName, sampleService, sampleSlice } from '../../service/samples.ts';
import { served, serviceNode } from './testkit.ts';

const NODE = 'node-1';

const service = (name: string, more: Partial<ServiceSpec> = {}): ServiceSpec =>
  sampleService({ uid: `uid-${name}`, name, ...more });

const slice = (of: string, endpoints: readonly SliceEndpoint[], name = `${of}-1`): SliceSpec =>
  sampleSlice(endpoints, { uid: `uid-${name}`, name, service: of });

const node = (addresses: readonly string[]): NodeRow => ({
  uid: 'n',
  namespace: '',
  name: NODE,
  labels: {},
  addresses,
  podCIDRs: [],
});

type Agent = Awaited<ReturnType<typeof serviceNode>>;

function sync({ intent, put }: Agent): void {
  put(intent.nodes, node(['172.18.0.2']));
  put(intent.pods);
  put(intent.nodeSlices);
  put(intent.services);
  put(intent.slices);
}

const CLUSTER_IP = 'inside 10.96.0.10:80';

describe('ServiceEngine', () => {
  it('takes a backend away also where the clock was set back', async () => {
    const maps = fakeServiceMaps();
    const agent = await serviceNode(maps);
    sync(agent);
    const { intent, put, settle, clock } = agent;
    put(intent.services, service('web'));
    await settle();
    put(intent.slices, slice('web', [sampleEndpoint('10.244.1.2'), sampleEndpoint('10.244.1.3')]));
    await clock.advance(1_000);
    await settle();
    clock.set(-3_600_000);
    put(intent.slices, slice('web', [sampleEndpoint('10.244.1.3')]));
    for (let i = 0; i < 10; i += 1) {
      await clock.advance(10_000);
      await settle();
    }
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['10.244.1.3'] });
  });

  it('decides nothing before everything was heard', async () => {
    const maps = fakeServiceMaps();
    const agent = await serviceNode(maps);
    agent.put(agent.intent.services, service('web'));
    await agent.settle();
    expect(await served(maps)).toEqual({});
    sync(agent);
    agent.put(agent.intent.slices, slice('web', [sampleEndpoint('10.244.1.2')]));
    await agent.settle();
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['10.244.1.2'] });
    expect(agent.engine.converged).toBe(true);
  });

  it('follows slices that come, change their service, and go', async () => {
    const maps = fakeServiceMaps();
    const agent = await serviceNode(maps);
    sync(agent);
    const { intent, put, drop, settle, clock } = agent;
    const step = async (): Promise<Record<string, string[]>> => {
      await clock.advance(1_000);
      await settle();
      return await served(maps);
    };
    put(intent.services, service('web'), service('api', { clusterIPs: ['10.96.0.11'] }));
    const moving = slice('web', [sampleEndpoint('10.244.1.2')], 'moving');
    put(intent.slices, moving, slice('web', [sampleEndpoint('10.244.1.3')], 'second'));
    expect(await step()).toEqual({ [CLUSTER_IP]: ['10.244.1.2', '10.244.1.3'], 'inside 10.96.0.11:80': [] });
    put(intent.slices, { ...moving, service: 'api' });
    expect(await step()).toEqual({ [CLUSTER_IP]: ['10.244.1.3'], 'inside 10.96.0.11:80': ['10.244.1.2'] });
    drop(intent.slices, moving);
    drop(intent.services, service('web'));
    expect(await step()).toEqual({ 'inside 10.96.0.11:80': [] });
  });

  it('gives a taken address to the older service, says so, and hands it over when that goes', async () => {
    const maps = fakeServiceMaps();
    const agent = await serviceNode(maps);
    sync(agent);
    const { intent, put, drop, settle, follower, clock } = agent;
    const thief = service('thief', { createdAt: '2026-01-02T00:00:00Z' });
    put(intent.services, thief);
    put(intent.slices, slice('thief', [sampleEndpoint('10.244.1.66')]), slice('web', [sampleEndpoint('10.244.1.2')]));
    await settle();
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['10.244.1.66'] });
    put(intent.services, service('web'));
    await clock.advance(1_000);
    await settle();
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['10.244.1.2'] });
    expect(follower.problemsOf(sampleName('a/thief'))).toEqual([
      { reason: 'FrontendTaken', message: 'tcp 10.96.0.10:80 belongs to service a/web' },
    ]);
    drop(intent.services, service('web'));
    await clock.advance(1_000);
    await settle();
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['10.244.1.66'] });
    expect(follower.problemsOf(sampleName('a/thief'))).toEqual([]);
  });

  it("serves a pod in its node's network once that pod is known, and no address of a node otherwise", async () => {
    const maps = fakeServiceMaps();
    const agent = await serviceNode(maps);
    sync(agent);
    const { intent, put, settle, follower, clock } = agent;
    put(intent.services, service('web'));
    put(intent.slices, slice('web', [sampleEndpoint('172.18.0.2', { pod: sampleName('a/host') })]));
    await settle(true);
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: [] });
    expect(follower.problemsOf(sampleName('a/web')).map(({ reason }) => reason)).toEqual(['EndpointRefused']);
    const pod: PodRow = {
      uid: 'p',
      namespace: 'a',
      name: 'host',
      labels: {},
      serviceAccount: 'default',
      nodeName: NODE,
      hostNetwork: true,
      privileged: false,
      netRaw: false,
      podIPs: ['172.18.0.2'],
      hostIP: '172.18.0.2',
      namedPorts: [],
      hostPorts: [],
      createdAt: '',
      phase: 'Running',
    };
    put(intent.pods, pod);
    await clock.advance(1_000);
    await settle(true);
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['172.18.0.2'] });
    expect(follower.problemsOf(sampleName('a/web'))).toEqual([]);
  });

  it('judges anew whose endpoints turn out to be a node, or are one no more', async () => {
    const maps = fakeServiceMaps();
    const agent = await serviceNode(maps);
    sync(agent);
    const { intent, put, drop, settle, clock } = agent;
    put(intent.services, service('web'));
    put(intent.slices, slice('web', [sampleEndpoint('10.244.1.2'), sampleEndpoint('172.18.0.9')]));
    await settle(true);
    expect((await served(maps))[CLUSTER_IP]).toEqual(['10.244.1.2', '172.18.0.9']);
    const other = { ...node(['172.18.0.9']), name: 'node-9' };
    put(intent.nodes, other);
    await clock.advance(1_000);
    await settle(true);
    expect((await served(maps))[CLUSTER_IP]).toEqual(['10.244.1.2']);
    drop(intent.nodes, other);
    await clock.advance(1_000);
    await settle(true);
    expect((await served(maps))[CLUSTER_IP]).toEqual(['10.244.1.2', '172.18.0.9']);
  });

  it('lets a service that flaps rest, and ends with its last state', async () => {
    const maps = fakeServiceMaps();
    const agent = await serviceNode(maps);
    sync(agent);
    const { intent, put, settle, clock } = agent;
    put(intent.services, service('web'), service('api', { clusterIPs: ['10.96.0.11'] }));
    await settle();
    const writes: string[] = [];
    for (let i = 1; i <= 5; i += 1) {
      put(intent.slices, slice('web', [sampleEndpoint(`10.244.1.${i}`)]));
      put(intent.slices, slice('api', [sampleEndpoint(`10.244.2.${i}`)]));
      await settle();
      writes.push(...((await served(maps))[CLUSTER_IP] ?? []));
    }
    expect(new Set(writes).size).toBeLessThan(3);
    expect(agent.engine.isPending(sampleName('a/web'))).toBe(true);
    await clock.advance(1_000);
    await settle();
    expect(agent.engine.isPending(sampleName('a/web'))).toBe(false);
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['10.244.1.5'], 'inside 10.96.0.11:80': ['10.244.2.5'] });
  });

  it('serves what had no room as soon as there is some', async () => {
    const maps = fakeServiceMaps({ services: 1 });
    const agent = await serviceNode(maps, { sharesOf: fakeServiceMaps() });
    sync(agent);
    const { intent, put, drop, settle, clock } = agent;
    put(intent.services, service('web'));
    await settle();
    put(intent.services, service('late', { clusterIPs: ['10.96.0.11'] }));
    await settle();
    expect([...agent.installer.refused.keys()]).toEqual(['a/late']);
    drop(intent.services, service('web'));
    await settle();
    await clock.advance(100);
    await settle();
    expect(await served(maps)).toEqual({ 'inside 10.96.0.11:80': [] });
    expect([...agent.installer.refused.keys()]).toEqual([]);
  });

  it('serves what the kernel had no memory for just then, although nothing is freed', async () => {
    const maps = fakeServiceMaps();
    const setMany = maps.slots.setMany.bind(maps.slots);
    const cause = Object.assign(new Error('map element: ENOMEM'), { code: 'ENOMEM' });
    maps.slots.setMany = async (entries) => {
      if (Array.from(entries).length === 0) return;
      throw datapathErrors.make('E_DATAPATH_MAP_FULL', { detail: 'service_slots', cause });
    };
    const agent = await serviceNode(maps);
    sync(agent);
    agent.put(agent.intent.services, service('web'));
    agent.put(agent.intent.slices, slice('web', [sampleEndpoint('10.244.1.2')]));
    await agent.settle();
    expect([await served(maps), [...agent.installer.refused.keys()]]).toEqual([{}, ['a/web']]);
    maps.slots.setMany = setMany;
    agent.engine.kick();
    await agent.settle();
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['10.244.1.2'] });
  });

  it('serves what had no room beside the leftovers of an earlier life', async () => {
    const maps = fakeServiceMaps({ services: 1 });
    const first = await serviceNode(maps, { sharesOf: fakeServiceMaps() });
    sync(first);
    first.put(first.intent.services, service('gone'));
    await first.settle();
    const second = await serviceNode(maps, { sharesOf: fakeServiceMaps() });
    sync(second);
    second.put(second.intent.services, service('late', { clusterIPs: ['10.96.0.11'] }));
    await second.settle();
    await second.clock.advance(100);
    await second.settle();
    expect(await served(maps)).toEqual({ 'inside 10.96.0.11:80': [] });
    expect(second.installer.refused.size).toBe(0);
  });

  it('takes up what an earlier life left, and removes the rest', async () => {
    const maps = fakeServiceMaps();
    const first = await serviceNode(maps);
    sync(first);
    first.put(first.intent.services, service('web'), service('gone', { clusterIPs: ['10.96.0.99'] }));
    first.put(
      first.intent.slices,
      slice('web', [sampleEndpoint('10.244.1.2'), sampleEndpoint('10.244.1.3')]),
      slice('gone', [sampleEndpoint('10.244.1.4')]),
    );
    await first.settle();
    const before = new Map((await maps.services.entries()).map(([key, value]) => [key.addr, value]));
    const second = await serviceNode(maps);
    await second.settle();
    expect(Object.keys(await served(maps))).toHaveLength(2);
    sync(second);
    second.put(second.intent.services, service('web'));
    second.put(second.intent.slices, slice('web', [sampleEndpoint('10.244.1.3'), sampleEndpoint('10.244.1.2')]));
    await second.settle();
    expect(await served(maps)).toEqual({ [CLUSTER_IP]: ['10.244.1.2', '10.244.1.3'] });
    const [[, value] = []] = await maps.services.entries();
    expect(value).toEqual(before.get(parseAddr('10.96.0.10')));
    await second.clock.advance(300);
    await second.settle();
    expect((await maps.backends.entries()).length).toBe(2);
    expect((await maps.slots.entries()).length).toBe(2);
  });

  it('does for one change among thousands of services the work of one', async () => {
    const maps = fakeServiceMaps();
    const agent = await serviceNode(maps);
    sync(agent);
    const { intent, put, settle, clock, passes } = agent;
    const names = Array.from({ length: 5_000 }, (_, i) => i);
    const ip = (i: number): string => `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
    put(intent.services, ...names.map((i) => service(`s${i}`, { clusterIPs: [ip(i)] })));
    put(
      intent.slices,
      ...names.map((i) => slice(`s${i}`, [sampleEndpoint('10.244.1.1'), sampleEndpoint('10.244.1.2')])),
    );
    await settle();
    expect((await maps.slots.entries()).length).toBe(10_000);
    const [whole = 0] = passes.splice(0);
    for (let i = 0; i < 20; i += 1) {
      await clock.advance(1_000);
      put(intent.slices, slice(`s${i}`, [sampleEndpoint('10.244.1.1'), sampleEndpoint('10.244.1.3')]));
      await settle();
    }
    const median = passes.toSorted((a, b) => a - b)[10] ?? whole;
    expect(median).toBeLessThan(whole / 20);
  });
});
