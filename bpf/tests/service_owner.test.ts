import { describe, expect, test } from 'vitest';
import type { Config } from '../../src/datapath/gen/config.ts';
import { CT_FLAG } from '../../src/model/gen/enums.ts';
import { parseAddr } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fromPod, fromWorld, tcp, udp } from './frames.ts';
import { allow, EVERYTHING, GATEWAY, NODE, quota, WORLD } from './lab.ts';
import { A, B, CLIENT, FRONTEND, SERVICE, SPEECH, UDP } from './pair.ts';
import { ANY, NODE_PORT, PROTOCOL_OF, seen, serviceScene, VIP, VIP_PORT } from './service-lab.ts';

const OTHER = parseAddr('10.244.1.33');
const OPEN_TO_WORLD = [allow('ingress', 2), allow('ingress', FRONTEND)];
const OTHER_PORT = NODE_PORT + 1;

/** Node ports of two tenants: one's backend is B, the other's OTHER. */
async function scene(config: Partial<Config> = {}) {
  const it = await serviceScene({ b: OPEN_TO_WORLD, config });
  const other = it.pair.pod({ id: 3, addr: OTHER, identity: 301 });
  it.pair.own(other);
  await it.pair.open(other, EVERYTHING);
  const serve = (port: number, protocol: number, ...backends: (typeof B)[]) =>
    it.services.set({ addr: ANY, port, protocol, scope: 'outside', backends });
  const arrive = (transport: Parameters<typeof fromWorld>[2]) => it.pair.arrive(fromWorld(WORLD, NODE, transport));
  const answer = (transport: Parameters<typeof fromPod>[2]) =>
    it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, transport));
  const rows = async () => (await it.services.translations.entries()).length;
  return { ...it, other, serve, arrive, answer, rows };
}

describe.each(['TCP', 'UDP'] as const)('an idle %s connection through a node port', (name) => {
  const protocol = PROTOCOL_OF[name];
  const { forth, back } = SPEECH[name];

  test('outlives a flood through another tenant’s', async () => {
    using it = await scene({ ...quota(1_500), ctOpenings: 64 });
    it.serve(NODE_PORT, protocol, B);
    it.serve(OTHER_PORT, protocol, OTHER);
    for (const transport of forth.opening(CLIENT, NODE_PORT)) it.arrive(transport);
    for (const transport of back.opening(SERVICE, CLIENT)) it.answer(transport);
    it.arrive(forth.data(CLIENT, NODE_PORT));
    for (let port = 1; port <= 2_000; port += 1) {
      for (const transport of forth.opening(port, OTHER_PORT)) it.arrive(transport);
      for (const transport of back.opening(SERVICE, port)) it.pair.send(it.other, fromPod(it.other, WORLD, transport));
      it.arrive(forth.data(port, OTHER_PORT));
    }
    expect(it.arrive(forth.data(CLIENT, NODE_PORT)).verdict).toBe('redirect');
    expect(seen(it.answer(back.data(SERVICE, CLIENT)))).toMatchObject({ from: `${NODE}:${NODE_PORT}` });
    const entries = await it.pair.datapath.conntrack.entries();
    expect(await it.rows()).toBe(2 * entries.filter(([, { flags }]) => (flags & CT_FLAG.service) !== 0).length);
  });
});

describe('the rows of a translated connection', () => {
  const expire = async (it: Awaited<ReturnType<typeof scene>>) => {
    await it.pair.expire();
    it.pair.datapath.collect();
  };

  test.each(['TCP', 'UDP'] as const)('go with its entry, and it is opened again: %s', async (name) => {
    using it = await scene();
    it.serve(NODE_PORT, PROTOCOL_OF[name], B);
    const { forth, back } = SPEECH[name];
    for (let round = 0; round < 3; round += 1) {
      for (const transport of forth.opening(CLIENT, NODE_PORT)) expect(it.arrive(transport).verdict).toBe('redirect');
      for (const transport of back.opening(SERVICE, CLIENT))
        expect(seen(it.answer(transport)).from).toBe(`${NODE}:${NODE_PORT}`);
      expect(await it.rows()).toBe(2);
      await expire(it);
      expect(await it.rows()).toBe(0);
    }
  });

  test('of a pod that is its own backend go with its entry, which the pod pays for', async () => {
    using it = await scene(quota(4));
    it.services.set({ addr: VIP, port: VIP_PORT, backends: [A] });
    const send = (to: typeof VIP, transport: Parameters<typeof fromPod>[2]) =>
      it.pair.send(it.pair.a, fromPod(it.pair.a, to, transport)).verdict;
    const open = (port: number) => send(VIP, tcp(port, VIP_PORT, 'SYN'));
    expect([1, 2, 3, 4, 5].map(open)).toEqual([...Array.from({ length: 4 }, () => 'redirect'), 'ct-quota']);
    expect(await it.rows()).toBe(8);
    it.pair.datapath.collect(quota(4));
    expect(open(5)).toBe('ct-quota');
    // Both ends close one: its entry goes soon, and its place is free.
    const verdicts = [
      send(GATEWAY, tcp(SERVICE, 1, 'SYN', 'ACK')),
      send(VIP, tcp(1, VIP_PORT, 'FIN', 'ACK')),
      send(GATEWAY, tcp(SERVICE, 1, 'FIN', 'ACK')),
    ];
    expect(verdicts).toEqual(['redirect', 'redirect', 'redirect']);
    await it.pair.expire((entry) => entry.timeout < 10);
    expect(it.pair.datapath.collect(quota(4)).removed).toBe(1);
    expect([await it.rows(), open(5), await it.rows()]).toEqual([6, 'redirect', 8]);
  });

  test('go one by one where a client has one port through two frontends and straight', async () => {
    using it = await scene();
    it.serve(NODE_PORT, UDP, B);
    it.serve(OTHER_PORT, UDP, B);
    const send = (to: typeof B, port: number) => {
      const { packet, verdict } = it.pair.arrive(fromWorld(WORLD, to, udp(CLIENT, port)));
      return { verdict, port: parsePacket(packet).transport?.sourcePort ?? 0 };
    };
    const all = [
      [NODE, NODE_PORT],
      [NODE, OTHER_PORT],
      [B, SERVICE],
    ] as const;
    const ports = all.map(([to, port]) => send(to, port).port);
    expect([new Set(ports).size, await it.rows()]).toEqual([3, 6]);
    for (const [gone, [to, port]] of all.entries()) {
      await it.pair.expire((_entry, key) => key.port.includes(ports[gone] ?? 0));
      expect(it.pair.datapath.collect().removed).toBe(1);
      expect(await it.rows()).toBe(4);
      // The others go on where they were.
      for (const [other, [there, service]] of all.entries())
        if (other !== gone) expect(send(there, service)).toEqual({ verdict: 'redirect', port: ports[other] });
      expect(await it.rows()).toBe(4);
      const again = send(to, port);
      expect(again.verdict).toBe('redirect');
      ports[gone] = again.port;
      expect([new Set(ports).size, await it.rows()]).toEqual([3, 6]);
    }
    await expire(it);
    expect(await it.rows()).toBe(0);
  });

  test('of a client’s port that stands for another are of the next connection that gets it', async () => {
    using it = await scene();
    it.serve(NODE_PORT, PROTOCOL_OF.TCP, B);
    it.serve(OTHER_PORT, PROTOCOL_OF.TCP, B);
    it.arrive(tcp(CLIENT, NODE_PORT, 'SYN'));
    it.arrive(tcp(CLIENT, OTHER_PORT, 'SYN'));
    const moved = (await it.services.translations.entries()).find(
      ([key, row]) => key.source === B && row.port === OTHER_PORT,
    )?.[0].destinationPort;
    if (moved === undefined) throw new Error('no row');
    await it.pair.expire();
    // The client's own port that was another's name, before the collector comes.
    it.arrive(tcp(moved, NODE_PORT, 'SYN'));
    expect(seen(it.answer(tcp(SERVICE, moved, 'SYN', 'ACK')))).toMatchObject({
      from: `${NODE}:${NODE_PORT}`,
      to: `${WORLD}:${moved}`,
    });
    expect(it.arrive(tcp(CLIENT, OTHER_PORT, 'ACK')).verdict).toBe('ct-midstream');
    it.pair.datapath.collect();
    expect(await it.rows()).toBe(2);
  });

  test('that a lost race has left are swept up, and in nobody’s way before', async () => {
    using it = await scene();
    it.serve(NODE_PORT, UDP, B);
    it.serve(OTHER_PORT, UDP, B);
    it.arrive(udp(CLIENT, NODE_PORT));
    await it.pair.forgetConnections();
    expect(it.arrive(udp(CLIENT, OTHER_PORT)).verdict).toBe('redirect');
    expect(seen(it.answer(udp(SERVICE, CLIENT))).from).toBe(`${NODE}:${OTHER_PORT}`);
    expect(await it.rows()).toBe(2);
    await it.pair.forgetConnections();
    it.pair.datapath.collect();
    it.pair.datapath.collect();
    expect(await it.rows()).toBe(0);
  });

  test('of which one is gone are made again by what opens', async () => {
    using it = await scene();
    it.serve(NODE_PORT, UDP, B);
    it.arrive(udp(CLIENT, NODE_PORT));
    const [answers] = (await it.services.translations.entries()).filter(([key]) => key.source === B);
    if (answers === undefined) throw new Error('no row');
    await it.services.translations.deleteMany([answers[0]]);
    expect(it.answer(udp(SERVICE, CLIENT)).verdict).toBe('ct-midstream');
    expect(it.arrive(udp(CLIENT, NODE_PORT)).verdict).toBe('redirect');
    expect(seen(it.answer(udp(SERVICE, CLIENT))).from).toBe(`${NODE}:${NODE_PORT}`);
  });

  test('of a client count for its own frontend only, whoever else has the connection that they name', async () => {
    using it = await scene();
    it.serve(NODE_PORT, UDP, B);
    it.serve(OTHER_PORT, UDP, B);
    it.arrive(udp(CLIENT, NODE_PORT));
    const [title] = (await it.services.translations.entries()).filter(([key]) => key.source === B);
    if (title === undefined) throw new Error('no row');
    // As a race leaves it: the row of the client, without the title that it belongs to.
    await it.services.translations.deleteMany([title[0]]);
    await it.pair.forgetConnections();
    expect(it.arrive(udp(CLIENT, OTHER_PORT)).verdict).toBe('redirect');
    const again = parsePacket(it.arrive(udp(CLIENT, NODE_PORT)).packet).transport?.sourcePort ?? 0;
    expect(again, 'the port towards the backend is taken').not.toBe(CLIENT);
    expect(seen(it.answer(udp(SERVICE, again)))).toMatchObject({
      from: `${NODE}:${NODE_PORT}`,
      to: `${WORLD}:${CLIENT}`,
    });
    expect(seen(it.answer(udp(SERVICE, CLIENT))).from).toBe(`${NODE}:${OTHER_PORT}`);
  });

  test('survive a forged SYN to the process behind them', async () => {
    using it = await scene();
    it.serve(NODE_PORT, PROTOCOL_OF.TCP, NODE);
    it.arrive(tcp(CLIENT, NODE_PORT, 'SYN'));
    it.pair.leave(fromWorld(NODE, WORLD, tcp(SERVICE, CLIENT, 'SYN', 'ACK')));
    it.arrive(tcp(CLIENT, NODE_PORT, 'ACK'));
    it.arrive(tcp(CLIENT, SERVICE, 'SYN'));
    expect([await it.rows(), it.arrive(tcp(CLIENT, NODE_PORT, 'ACK', 'PSH')).verdict]).toEqual([2, 'pass']);
  });
});
