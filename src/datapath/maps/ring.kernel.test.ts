import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpointId, identityId, policyRevision } from '../../model/index.ts';
import { type Addr, buildPacket, macOfAddr, parseAddr, parseMac } from '../../net/index.ts';
import type { Config } from '../gen/config.ts';
import { type LoadedEndpoint, TestDatapath } from '../testkit.ts';
import { EventRing } from './ring.ts';

const POD: Addr = parseAddr('10.244.1.2');
const GATEWAY_MAC = parseMac('0a:58:a9:fe:01:01');
const RING = 65_536;
/** Header and struct event. */
const RECORD = 8 + 80;

const config: Partial<Config> & { readonly endpoint: ReturnType<typeof endpointId> } = {
  endpoint: endpointId(7),
  ipv4: POD,
  mac: macOfAddr(POD),
  gatewayMac: GATEWAY_MAC,
  enablePolicy: true,
  enableEvents: true,
};

const packet = buildPacket({
  ethernet: { source: macOfAddr(POD), destination: GATEWAY_MAC },
  network: { kind: 'ipv4', source: POD, destination: parseAddr('10.244.1.3') },
  transport: { kind: 'tcp', sourcePort: 4000, destinationPort: 80, flags: ['SYN'] },
});

const push = () => undefined;

describe('EventRing', () => {
  let datapath: TestDatapath;
  let endpoint: LoadedEndpoint;

  beforeEach(() => {
    datapath = new TestDatapath({ sizes: { events: RING } });
    endpoint = datapath.loadEndpoint(config);
  });
  afterEach(() => datapath.close());

  it('gives what programs wrote, in order, once', () => {
    // The endpoint has no word: everything is dropped.
    expect(datapath.run(endpoint.fromPod, packet).action).toBe('drop');
    datapath.run(endpoint.fromPod, packet);
    const events = datapath.events();
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({
      type: 'drop',
      reason: 'not-ready',
      hook: 'from-pod',
      source: POD,
      destination: '10.244.1.3',
      sourcePort: 4000,
      destinationPort: 80,
      sourceEndpoint: 7,
      length: packet.length,
      protocol: 6,
    });
    expect(events[1]?.timestamp).toBeGreaterThanOrEqual(events[0]?.timestamp ?? Number.POSITIVE_INFINITY);
    expect(datapath.events()).toEqual([]);
  });

  it('counts what found the ring full, exactly, and goes on', () => {
    for (let round = 1; round <= 3; round += 1) {
      const sent = 2000;
      const before = datapath.eventLoss().lost;
      datapath.run(endpoint.fromPod, packet, { repeat: sent });
      const read = datapath.events().length;
      expect(read).toBeGreaterThan(RING / RECORD - 2);
      expect(read + datapath.eventLoss().lost - before).toBe(sent);
    }
  });

  it('counts what is above the rate', () => {
    using limited = new TestDatapath({ sizes: { events: RING } });
    limited.run(limited.loadEndpoint({ ...config, eventRate: 10 }).fromPod, packet, { repeat: 500 });
    const { suppressed, lost } = limited.eventLoss();
    expect(limited.events().length + suppressed).toBe(500);
    // Mostly one or two windows of a second, on the CPU that ran it; as many as a busy machine makes of it.
    expect(suppressed).toBeGreaterThanOrEqual(300);
    expect(lost).toBe(0);
  });

  it('is woken by what comes, says when no more does, and stops when it is told to', async () => {
    const controller = new AbortController();
    using ring = new EventRing(datapath.maps.get('events'), RING);
    const batches: number[] = [];
    const reading = (async () => {
      const pace = { pauseMs: 5, soonMs: 2 ** 30, quietMs: 2 ** 30 };
      for await (const count of ring.looks(controller.signal, { push }, pace)) batches.push(count);
    })();
    await expect.poll(() => batches).toEqual([0]);
    for (const round of [1, 2, 3]) {
      datapath.run(endpoint.fromPod, packet, { repeat: 3 });
      await expect.poll(() => batches).toEqual([0, 3, 0, 3, 0, 3, 0].slice(0, 1 + 2 * round));
    }
    controller.abort();
    await reading;
    expect(batches).toEqual([0, 3, 0, 3, 0, 3, 0]);
    expect(ring.undecodable).toBe(0);
  });

  it('says once more that nothing came, when no window of a rate is open any more', async () => {
    const controller = new AbortController();
    using ring = new EventRing(datapath.maps.get('events'), RING);
    datapath.run(endpoint.fromPod, packet);
    const batches: number[] = [];
    for await (const count of ring.looks(controller.signal, { push }, { pauseMs: 5, soonMs: 5, quietMs: 2 ** 30 })) {
      batches.push(count);
      if (batches.length === 3) controller.abort();
    }
    expect(batches).toEqual([1, 0, 0]);
  });

  it('sums counters over the CPUs', async () => {
    datapath.run(endpoint.fromPod, packet, { repeat: 5 });
    const bytes = 5 * packet.length;
    expect(await datapath.counters()).toEqual([{ reason: 'not-ready', direction: 'egress', packets: 5, bytes }]);
    expect(await datapath.drops()).toEqual([
      { endpoint: 7, reason: 'not-ready', direction: 'egress', packets: 5, bytes },
    ]);
  });

  it('shows the word of an endpoint to programs at once', async () => {
    await datapath.open(7, 300, 5);
    datapath.run(endpoint.fromPod, packet);
    expect(datapath.events().map((e) => e.reason)).not.toContain('not-ready');
    expect(datapath.words.get(endpointId(7))).toEqual({ identity: identityId(300), revision: policyRevision(5) });
    datapath.words.clear(endpointId(7));
    datapath.run(endpoint.fromPod, packet);
    expect(datapath.events().map((e) => e.reason)).toEqual(['not-ready']);
  });

  it('cannot be used after it was closed', () => {
    const { words } = datapath;
    datapath.close();
    expect(() => words.clear(endpointId(7))).toThrow(TypeError);
    expect(() => datapath.events()).toThrow(TypeError);
  });
});
