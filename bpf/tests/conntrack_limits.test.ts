import { describe, expect, test } from 'vitest';
import { monotonicTick } from '../../src/datapath/conntrack-map.ts';
import { endpointId } from '../../src/model/index.ts';
import { fromPod, fromWorld, ping, tcp, udp } from './frames.ts';
import { NODE, WORLD } from './lab.ts';
import { B, Pair, SERVICE } from './pair.ts';

const QUOTA = 3;

async function limited(): Promise<Pair> {
  return await Pair.unrestricted({ config: { ctQuota: QUOTA } });
}

describe('the quota of an endpoint', () => {
  test('counts what it opened, not what it answers', async () => {
    using pair = await limited();
    for (let port = 1; port <= QUOTA; port += 1) expect(pair.forth(tcp(port, 80, 'SYN')).verdict).toBe('redirect');
    expect(pair.forth(tcp(9, 80, 'SYN')).verdict).toBe('ct-quota');
    // The other end has all of its own, and what is open goes on.
    for (let port = 1; port <= QUOTA; port += 1) expect(pair.back(udp(port, 80)).verdict).toBe('redirect');
    expect(pair.back(tcp(80, 1, 'SYN', 'ACK')).verdict).toBe('redirect');
    expect(pair.forth(tcp(1, 80, 'ACK')).verdict).toBe('redirect');
    expect(pair.forth(tcp(1, 80, 'SYN')).verdict).toBe('ct-quota');
  });

  test.each([
    ['a reset', [['back', 'RST', 'ACK']]],
    [
      'FIN of both',
      [
        ['back', 'SYN', 'ACK'],
        ['forth', 'FIN', 'ACK'],
        ['back', 'FIN', 'ACK'],
      ],
    ],
  ] as const)('%s gives one back, once', async (_name, steps) => {
    using pair = await limited();
    for (let port = 1; port <= QUOTA; port += 1) pair.forth(tcp(port, 80, 'SYN'));
    for (const [who, ...flags] of steps) {
      if (who === 'forth') pair.forth(tcp(1, 80, ...flags));
      else pair.back(tcp(80, 1, ...flags));
    }
    pair.back(tcp(80, 1, 'RST', 'ACK'));
    expect(pair.forth(tcp(10, 80, 'SYN')).verdict).toBe('redirect');
    expect(pair.forth(tcp(11, 80, 'SYN')).verdict).toBe('ct-quota');
  });

  test('what policy refuses costs nothing', async () => {
    using pair = await Pair.create({ config: { ctQuota: QUOTA } });
    for (let port = 1; port <= 10; port += 1) expect(pair.forth(udp(port, 81)).verdict).toBe('policy-ingress');
    expect(pair.forth(udp(1, SERVICE)).verdict).toBe('redirect');
  });

  test('the outside shares one four times as large and does not use up a pod’s', async () => {
    using pair = await limited();
    const arrivals = Array.from({ length: QUOTA * 4 + 1 }, (_, port) =>
      pair.arrive(fromWorld(WORLD, B, udp(port + 1, 53))),
    );
    expect(arrivals.filter(({ verdict }) => verdict === 'redirect')).toHaveLength(QUOTA * 4);
    expect(arrivals.at(-1)?.verdict).toBe('ct-quota');
    expect(pair.back(udp(1, 2)).verdict).toBe('redirect');
  });
});

describe('the collector', () => {
  test('removes what has run out, and keeps the rest', async () => {
    using pair = await Pair.unrestricted();
    pair.forth(udp(1, 2));
    pair.forth(udp(3, 4));
    const [first] = await pair.datapath.conntrack.entries();
    if (first === undefined) throw new Error('no entry');
    pair.datapath.conntrack.set(first[0], { ...first[1], expires: monotonicTick() });
    expect(pair.datapath.collect()).toEqual({ scanned: 2, removed: 1 });
    expect(pair.datapath.conntrack.get(first[0])).toBeUndefined();
    expect(await pair.datapath.conntrack.entries()).toHaveLength(1);
  });

  test('keeps the trace of a pod that is gone for two minutes', async () => {
    using pair = await Pair.create();
    pair.establish('TCP');
    pair.remove(pair.a);
    expect(pair.datapath.collect().removed).toBe(0);
    const [key, entry] = await pair.entry();
    const lastSeen = (ticks: number) => monotonicTick() - ticks + entry.timeout;
    pair.datapath.conntrack.set(key, { ...entry, expires: lastSeen(118) });
    expect(pair.datapath.collect().removed).toBe(0);
    pair.datapath.conntrack.set(key, { ...entry, expires: lastSeen(121) });
    expect(pair.datapath.collect().removed).toBe(1);
  });

  test('counts the quota anew', async () => {
    using pair = await limited();
    for (let port = 1; port <= QUOTA; port += 1) pair.forth(udp(port, 80));
    await pair.expireAll();
    expect(pair.forth(udp(9, 80)).verdict).toBe('ct-quota');
    pair.datapath.collect({ ctQuota: QUOTA });
    for (let port = 1; port <= QUOTA; port += 1) expect(pair.forth(udp(port, 80)).verdict).toBe('redirect');
    expect(pair.forth(udp(9, 80)).verdict).toBe('ct-quota');
    // What was counted and is still there stays counted.
    pair.datapath.collect({ ctQuota: QUOTA });
    expect(pair.forth(udp(9, 80)).verdict).toBe('ct-quota');
  });

  test('does not count what is closing', async () => {
    using pair = await limited();
    for (let port = 1; port <= QUOTA; port += 1) pair.forth(tcp(port, 80, 'SYN'));
    pair.back(tcp(80, 1, 'RST', 'ACK'));
    pair.datapath.collect({ ctQuota: QUOTA });
    expect(pair.forth(tcp(10, 80, 'SYN')).verdict).toBe('redirect');
    expect(pair.forth(tcp(11, 80, 'SYN')).verdict).toBe('ct-quota');
  });

  test('gives the port of a masqueraded connection back', async () => {
    using pair = await Pair.unrestricted();
    for (const transport of [udp(1, 53), ping(7), tcp(5, 80, 'SYN')]) {
      pair.send(pair.a, fromPod(pair.a, WORLD, transport));
      const port = (await pair.entry())[1].natPort;
      expect(port).toBeGreaterThan(0);
      await pair.expireAll();
      pair.datapath.collect({ enableMasquerade: true });
      // Nothing of it is left: an answer is the node's own business again.
      expect(pair.arrive(fromWorld(WORLD, NODE, udp(53, port))).verdict).toBe('pass');
      expect(pair.arrive(fromWorld(WORLD, NODE, tcp(80, port, 'ACK'))).verdict).toBe('pass');
    }
  });

  test('finds nothing to do in an empty table', async () => {
    using pair = await Pair.create();
    expect(pair.datapath.collect()).toEqual({ scanned: 0, removed: 0 });
  });
});

test('a full table makes room: new connections are always possible', async () => {
  using pair = await Pair.unrestricted({ sizes: { conntrack: 256 } });
  pair.forth(tcp(1, 80, 'SYN'));
  pair.back(tcp(80, 1, 'SYN', 'ACK'));
  for (let port = 1; port <= 5000; port += 1) expect(pair.forth(udp(port, 53)).verdict).toBe('redirect');
  expect((await pair.datapath.conntrack.entries()).length).toBeLessThanOrEqual(256);
  // What was evicted is in mid-stream, which both may open here.
  expect(pair.back(tcp(80, 1, 'ACK')).verdict).toBe('redirect');
});

describe('events', () => {
  test('above the rate are counted, not written', async () => {
    using pair = await Pair.unrestricted({ config: { eventRate: 5 } });
    let written = 0;
    for (let port = 1; port <= 200; port += 1) written += pair.forth(udp(port, 53)).events.length;
    const { lost, suppressed } = pair.datapath.eventLoss();
    expect(lost).toBe(0);
    expect(written + suppressed).toBe(200);
    expect(suppressed).toBeGreaterThanOrEqual(200 - 5 * 3 * 2);
  });

  test('that find the ring full are counted', async () => {
    using pair = await Pair.unrestricted({ sizes: { events: 4096 } });
    const frame = fromPod(pair.a, B, udp(1, 53));
    pair.datapath.events();
    let sent = 0;
    for (let port = 1; port <= 300; port += 1, sent += 1) {
      const copy = Uint8Array.from(frame);
      copy.set([port >> 8, port & 255], 34);
      pair.datapath.run(pair.a.programs.fromPod, copy);
    }
    const written = pair.datapath.events().length;
    expect(written).toBeLessThan(sent);
    expect(written + pair.datapath.eventLoss().lost).toBe(sent);
  });
});

test('drops are counted per endpoint and direction, exactly', async () => {
  using pair = await Pair.create({ config: { enableEvents: false, enableCounters: false } });
  for (let round = 0; round < 7; round += 1) pair.forth(udp(1, 81));
  for (let round = 0; round < 3; round += 1) pair.back(udp(1, 81));
  const drops = (await pair.datapath.drops()).map(({ endpoint, reason, direction, packets }) => ({
    endpoint,
    reason,
    direction,
    packets,
  }));
  expect(drops.toSorted((x, y) => x.endpoint - y.endpoint)).toEqual([
    { endpoint: endpointId(1), reason: 'policy-ingress', direction: 'egress', packets: 7 },
    { endpoint: endpointId(2), reason: 'policy-egress', direction: 'egress', packets: 3 },
  ]);
});
