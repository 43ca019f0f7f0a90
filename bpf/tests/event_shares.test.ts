import { describe, expect, test } from 'vitest';
import { countEntries } from '../../src/datapath/maps/map-fill.ts';
import { removeJudges } from '../../src/datapath/programs/judges.ts';
import { endpointId } from '../../src/model/index.ts';
import { parseAddr, type TransportSpec } from '../../src/net/index.ts';
import { fragmentsOf, fromPod, fromWorld, udp } from './frames.ts';
import { allow, WORLD } from './lab.ts';
import { A, B, BACKEND, CHAOS, CLIENT, Pair, SERVICE, UDP } from './pair.ts';

const RECORD = 88;
const RING = 64 * 1024;
const RATE = 1_600;

/** `a` sends what is dropped, `times` over. */
function flood(pair: Pair, times: number): void {
  pair.datapath.run(pair.a.programs.fromPod, fromPod(pair.a, B, udp(1, 53)), { repeat: times });
}

describe('one endpoint that floods the ring', () => {
  test('leaves the others theirs, however long it goes on', async () => {
    using pair = await Pair.create({ a: [], config: { eventRate: RATE }, sizes: { events: RING } });
    const c = pair.pod({ id: 3, addr: parseAddr('10.244.1.4'), identity: CHAOS });
    pair.own(c);
    await pair.open(c, []);
    pair.datapath.events();

    flood(pair, 20_000);
    for (let port = 1; port <= 20; port += 1)
      pair.datapath.run(c.programs.fromPod, fromPod(c, B, udp(port, 53)), { repeat: 1 });

    const events = pair.datapath.events();
    const of = (id: number) => events.filter(({ sourceEndpoint }) => sourceEndpoint === id).length;
    expect(of(3)).toBe(20);
    // Half of the ring, and not above its rate (one or two seconds of it).
    expect(of(1)).toBeGreaterThan(0);
    expect(of(1)).toBeLessThanOrEqual(Math.min(Math.ceil(RING / 2 / RECORD) + RATE / 64, 2 * RATE));
    expect(of(1) + pair.datapath.missedEvents(1)).toBe(20_000);
    expect(pair.datapath.missedEvents(3)).toBe(0);
    const { lost, suppressed } = pair.datapath.eventLoss();
    expect(lost + suppressed).toBe(pair.datapath.missedEvents(1));
  });

  test('does not hide what else it does: what it opens, and what it forges', async () => {
    const a = [allow('egress', BACKEND, UDP, SERVICE)];
    using pair = await Pair.create({ a, config: { eventRate: RATE }, sizes: { events: RING } });
    pair.own(pair.a);
    pair.own(pair.b);
    pair.datapath.events();
    flood(pair, 20_000);
    const forged = { ip: { source: parseAddr('10.244.1.99') } };
    for (const frame of [fromPod(pair.a, B, udp(CLIENT, SERVICE)), fromPod(pair.a, B, udp(CLIENT, SERVICE), forged)])
      pair.datapath.run(pair.a.programs.fromPod, frame, { repeat: 1 });

    const told = pair.datapath.events();
    expect(told.filter(({ type }) => type === 'open')).toHaveLength(1);
    expect(told.filter(({ reason }) => reason === 'spoofed-ip')).toHaveLength(1);
    expect(told.filter(({ reason }) => reason === 'policy-egress').length + pair.datapath.missedEvents(1)).toBe(20_000);
  });

  test('what its own program drops is told by one of all, with the ports that it has, and nothing stays of it', async () => {
    using pair = await Pair.create({ config: { eventRate: RATE } });
    pair.own(pair.a);
    pair.datapath.events();
    const forged = parseAddr('10.244.1.99');
    const whole = pair.send(pair.a, fromPod(pair.a, B, udp(CLIENT, SERVICE), { ip: { source: forged } }));
    expect(whole).toMatchObject({ action: 'drop', events: [{ reason: 'spoofed-ip', hook: 'from-pod' }] });
    expect(whole.events[0]).toMatchObject({
      source: forged,
      destination: B,
      sourcePort: CLIENT,
      destinationPort: SERVICE,
      sourceEndpoint: 1,
      sourceIdentity: pair.a.identity,
      tcpFlags: 0,
    });

    const [head, tail] = fragmentsOf(forged, B, udp(CLIENT, SERVICE, new Uint8Array(64)), 24);
    const send = (part: TransportSpec, ip: object) =>
      pair.send(pair.a, fromPod(pair.a, B, part, { ip: { source: forged, id: 7, ...ip } }));
    expect(send(head, { moreFragments: true }).events).toMatchObject([{ sourcePort: CLIENT }]);
    expect(send(tail, { fragmentOffset: 3 }).events).toMatchObject([{ sourcePort: 0, destinationPort: 0 }]);
    expect(await countEntries(pair.datapath.maps, 'fragments')).toBe(0);
  });

  test('what its own program drops is counted as lost where nobody is there to tell of it', async () => {
    using pair = await Pair.create({ config: { eventRate: RATE } });
    pair.own(pair.a);
    pair.datapath.events();
    removeJudges(pair.datapath.maps);
    expect(pair.send(pair.a, fromPod(pair.a, B, udp(CLIENT, SERVICE)))).toMatchObject({ action: 'drop', events: [] });
    expect(await pair.datapath.drops()).toEqual([
      expect.objectContaining({ endpoint: 1, reason: 'internal', direction: 'egress', packets: 1 }),
    ]);
    expect(pair.datapath.missedEvents(1)).toBe(1);
    expect(pair.datapath.eventLoss()).toMatchObject({ lost: 1, suppressed: 0 });
  });

  test('from outside: what comes for one pod is on its account, and not on that of what it sends', async () => {
    using pair = await Pair.create({ a: [], b: [], config: { eventRate: 8 } });
    pair.own(pair.a);
    pair.own(pair.b);
    for (let port = 1; port <= 200; port += 1) pair.arrive(fromWorld(WORLD, A, udp(port, 53)));
    expect(pair.datapath.missedEvents(1)).toBeGreaterThan(150);
    expect(pair.arrive(fromWorld(WORLD, B, udp(1, 53))).events).toHaveLength(1);
    expect(pair.send(pair.a, fromPod(pair.a, B, udp(1, 53))).events).toHaveLength(1);
  });
});

describe('the counters of drops', () => {
  test('an endpoint has no more rows than there are reasons, and pushes out none of another', async () => {
    using pair = await Pair.create({ a: [], b: [], sizes: { drops: 16 } });
    flood(pair, 1);
    for (let port = 1; port <= 500; port += 1) pair.send(pair.b, fromPod(pair.b, A, udp(port, 53)));
    const rows = await pair.datapath.drops();
    expect(rows.map(({ endpoint, reason, packets }) => [endpoint, reason, packets])).toEqual(
      expect.arrayContaining([
        [1, 'policy-egress', 1],
        [2, 'policy-egress', 500],
      ]),
    );
  });

  test('a table that is full keeps what it has, and totals stay exact', async () => {
    using pair = await Pair.create({ a: [], b: [], sizes: { drops: 1 } });
    flood(pair, 3);
    pair.send(pair.b, fromPod(pair.b, A, udp(1, 53)));
    expect(await pair.datapath.drops()).toEqual([expect.objectContaining({ endpoint: 1, packets: 3 })]);
    expect(await pair.datapath.counters()).toEqual([
      expect.objectContaining({ reason: 'policy-egress', direction: 'egress', packets: 4 }),
    ]);
  });

  test('say exactly what was not told, and so does an endpoint that has no row', async () => {
    using pair = await Pair.create({ a: [], b: [], config: { eventRate: 8 }, sizes: { drops: 1 } });
    flood(pair, 200);
    for (let port = 1; port <= 300; port += 1)
      pair.datapath.run(pair.b.programs.fromPod, fromPod(pair.b, A, udp(port, 53)));
    const events = pair.datapath.events();
    for (const [id, packets] of [
      [1, 200],
      [2, 300],
    ] as const) {
      const told = events.filter(({ sourceEndpoint }) => sourceEndpoint === id).length;
      expect(told).toBeGreaterThan(0);
      expect(told + pair.datapath.missedEvents(id)).toBe(packets);
    }
    pair.datapath.accounts.forget(endpointId(1));
    pair.datapath.accounts.forget(endpointId(2));
    expect([1, 2].map((id) => pair.datapath.missedEvents(id))).toEqual([0, 0]);
  });

  test('go with their endpoint', async () => {
    using pair = await Pair.create({ a: [], b: [] });
    flood(pair, 3);
    pair.send(pair.b, fromPod(pair.b, A, udp(1, 53)));
    pair.datapath.accounts.forget(endpointId(1));
    expect((await pair.datapath.drops()).map(({ endpoint }) => endpoint)).toEqual([2]);
    await pair.datapath.accounts.prune(new Set([1, 7].map(endpointId)));
    expect(await pair.datapath.drops()).toEqual([]);
  });
});
