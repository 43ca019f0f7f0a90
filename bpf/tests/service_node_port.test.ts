import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { SERVICE_FLAG } from '../../src/model/gen/enums.ts';
import { parseAddr } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fragmentsOf, fromPod, fromWorld, tcp, udp } from './frames.ts';
import { allow, GATEWAY_MAC, NODE, OPEN, WORLD } from './lab.ts';
import { A, B, CLIENT, FRONTEND, SERVICE, SPEECH, UDP } from './pair.ts';
import { ANY, NODE_PORT, PROTOCOL_OF, seen, serviceScene } from './service-lab.ts';

const WORLD_IDENTITY = 2;
const OPEN_TO_WORLD = [allow('ingress', WORLD_IDENTITY), allow('ingress', FRONTEND)];
const EXTERNAL = parseAddr('203.0.113.80');

describe('a node port from outside of the node', () => {
  test.each(['TCP', 'UDP'] as const)('%s: the backend sees the client, the client the node', async (name) => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, protocol: PROTOCOL_OF[name], scope: 'outside', backends: [B] });
    const { forth, back } = SPEECH[name];
    const inwards = (transport: Parameters<typeof fromWorld>[2]) =>
      seen(it.pair.arrive(fromWorld(WORLD, NODE, transport)));
    const outwards = (transport: Parameters<typeof fromPod>[2]) =>
      seen(it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, transport)));
    const there = { verdict: 'redirect', from: `${WORLD}:${CLIENT}`, to: `${B}:${SERVICE}`, sums: [true, true] };
    const answer = { verdict: 'redirect', from: `${NODE}:${NODE_PORT}`, to: `${WORLD}:${CLIENT}`, sums: [true, true] };
    for (const transport of forth.opening(CLIENT, NODE_PORT)) expect(inwards(transport)).toEqual(there);
    for (const transport of back.opening(SERVICE, CLIENT)) expect(outwards(transport)).toEqual(answer);
    for (let i = 0; i < 3; i++) {
      expect(inwards(forth.data(CLIENT, NODE_PORT))).toEqual(there);
      expect(outwards(back.data(SERVICE, CLIENT))).toEqual(answer);
    }
  });

  test('the frame carries the MAC addresses of the pod’s device', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B] });
    const outcome = it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN')));
    expect(parsePacket(outcome.packet)).toMatchObject({ source: GATEWAY_MAC, destination: it.pair.b.mac });
  });

  test('policy judges the client that really asked', async () => {
    using it = await serviceScene({ b: [allow('ingress', FRONTEND)] });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B] });
    const outcome = it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN')));
    expect(outcome.verdict).toBe('policy-ingress');
    expect(outcome.events[0]).toMatchObject({ source: WORLD, destination: B, destinationPort: SERVICE });
  });

  test('an address of the node’s pods as source', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B] });
    expect(it.pair.arrive(fromWorld(A, NODE, tcp(CLIENT, NODE_PORT, 'SYN'))).verdict).toBe('spoofed-ip');
  });

  test('loopback as destination or source', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B] });
    const loopback = parseAddr('127.0.0.1');
    for (const [from, to] of [
      [WORLD, loopback],
      [loopback, NODE],
    ] as const) {
      expect(it.pair.arrive(fromWorld(from, to, tcp(CLIENT, NODE_PORT, 'SYN'))).verdict).toBe('loopback-address');
    }
  });

  test('another port, and a port of inside only, are the node’s own', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'inside', backends: [B] });
    for (const port of [NODE_PORT, NODE_PORT + 1, 22]) {
      const frame = fromWorld(WORLD, NODE, tcp(CLIENT, port, 'SYN'));
      expect(it.pair.arrive(frame)).toMatchObject({ verdict: 'pass', packet: frame });
    }
  });

  test('without backends', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [] });
    expect(it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN'))).verdict).toBe('no-backend');
  });

  test('without backends, the stack refuses, and it is told', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD, config: { enableRefusals: true } });
    const service = { addr: ANY, port: NODE_PORT, backends: [] };
    for (const protocol of [PROTOCOL_OF.TCP, UDP]) {
      for (const scope of ['inside', 'outside'] as const) it.services.set({ ...service, protocol, scope });
    }
    for (const transport of [tcp(CLIENT, NODE_PORT, 'SYN'), udp(CLIENT, NODE_PORT)]) {
      const frame = fromWorld(WORLD, NODE, transport);
      const outcome = it.pair.arrive(frame);
      expect(outcome).toMatchObject({ action: 'pass', packet: frame });
      expect(outcome.events).toMatchObject([{ type: 'drop', reason: 'no-backend', source: WORLD, destination: NODE }]);
    }
    // Of all of a datagram, or it could not put it together.
    const [head, tail] = fragmentsOf(WORLD, NODE, udp(CLIENT, NODE_PORT, new Uint8Array(64)), 24);
    const options = [
      { id: 5, moreFragments: true },
      { id: 5, fragmentOffset: 24 },
    ];
    const fragments = [head, tail].map((part, i) => it.pair.arrive(fromWorld(WORLD, NODE, part, { ip: options[i] })));
    expect(fragments.map(({ action, events }) => [action, events[0]])).toEqual([
      ['pass', expect.objectContaining({ reason: 'no-backend' })],
      ['pass', expect.objectContaining({ reason: 'no-backend' })],
    ]);
    // A process had the port before there was the service: what is sent to it is not for it.
    const process = createServer().listen(NODE_PORT);
    await once(process, 'listening');
    const syn = fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN'));
    expect(it.pair.arrive(syn).verdict).toBe('no-backend');
    process.close();
    await once(process, 'close');
    expect(it.pair.arrive(syn).action).toBe('pass');
    // Another node has some (externalTrafficPolicy Local): who asks shall ask there.
    it.services.set({ ...service, scope: 'inside', backends: [B] });
    expect(it.pair.arrive(syn).action).toBe('drop');
  });

  test('an address of the service that is not the node’s', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: EXTERNAL, port: 80, protocol: UDP, scope: 'outside', backends: [B] });
    expect(seen(it.pair.arrive(fromWorld(WORLD, EXTERNAL, udp(CLIENT, 80)))).to).toBe(`${B}:${SERVICE}`);
    expect(seen(it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, udp(SERVICE, CLIENT)))).from).toBe(`${EXTERNAL}:80`);
    const other = fromWorld(WORLD, EXTERNAL, udp(CLIENT, 81));
    expect(it.pair.arrive(other)).toMatchObject({ verdict: 'pass', packet: other });
  });

  test('one client always gets the same backend: by affinity, and by hash', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    const c = it.pair.pod({ id: 3, addr: parseAddr('10.244.1.33'), identity: 301 });
    await it.pair.open(c, OPEN_TO_WORLD);
    const backends = [B, c.addr];
    const to = (port: number, source: number) => {
      const outcome = it.pair.arrive(fromWorld(WORLD, NODE, tcp(source, port, 'SYN')));
      return parsePacket(outcome.packet).ip?.destination;
    };
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends, affinitySeconds: 60 });
    expect(new Set(Array.from({ length: 16 }, (_, i) => to(NODE_PORT, 41_000 + i))).size).toBe(1);
    it.services.set({ addr: ANY, port: NODE_PORT + 1, scope: 'outside', backends, flags: SERVICE_FLAG.hashed });
    const chosen = Array.from({ length: 32 }, (_, i) => to(NODE_PORT + 1, 42_000 + i));
    expect(new Set(chosen).size).toBe(2);
    await it.pair.forgetConnections();
    expect(Array.from({ length: 32 }, (_, i) => to(NODE_PORT + 1, 42_000 + i))).toEqual(chosen);
  });
});

describe.each(['TCP', 'UDP'] as const)('an established %s connection through a node port', (name) => {
  const { forth, back } = SPEECH[name];

  async function established() {
    const it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, protocol: PROTOCOL_OF[name], scope: 'outside', backends: [B] });
    const inwards = (...transports: Parameters<typeof fromWorld>[2][]) =>
      transports.map((transport) => it.pair.arrive(fromWorld(WORLD, NODE, transport)).verdict);
    const outwards = (...transports: Parameters<typeof fromPod>[2][]) =>
      transports.map((transport) => it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, transport)).verdict);
    const talk = () => [
      ...inwards(forth.data(CLIENT, NODE_PORT), forth.data(CLIENT, NODE_PORT)),
      ...outwards(back.data(SERVICE, CLIENT), back.data(SERVICE, CLIENT)),
    ];
    inwards(...forth.opening(CLIENT, NODE_PORT));
    outwards(...back.opening(SERVICE, CLIENT));
    expect(talk()).toEqual(Array.from({ length: 4 }, () => 'redirect'));
    return { ...it, inwards, outwards, talk };
  }

  test('stops at the next packet that policy forbids, in both directions, and goes on when it may', async () => {
    using it = await established();
    await it.pair.open(it.pair.b, [allow('ingress', FRONTEND), OPEN.egress]);
    expect(it.talk()).toEqual(['policy-ingress', 'policy-ingress', 'revoked', 'revoked']);
    await it.pair.open(it.pair.b, OPEN_TO_WORLD);
    expect(it.talk()).toEqual(Array.from({ length: 4 }, () => 'redirect'));
    it.pair.close(it.pair.b);
    expect(new Set(it.talk())).toEqual(new Set(['peer-not-ready', 'not-ready']));
  });

  test('is judged anew when an address outside changes its identity', async () => {
    using it = await established();
    it.pair.identify(`${WORLD}/32`, 16_777_216);
    it.pair.turnWorld();
    expect(it.talk()).toEqual(['policy-ingress', 'policy-ingress', 'revoked', 'revoked']);
  });

  test('is worth nothing to the next owner of the backend’s address', async () => {
    using it = await established();
    const heir = await it.pair.replace('b', { id: 9, table: [OPEN.egress] });
    const verdicts = [
      ...it.inwards(forth.data(CLIENT, NODE_PORT)),
      it.pair.send(heir, fromPod(heir, WORLD, back.data(SERVICE, CLIENT))).verdict,
    ];
    expect(verdicts).not.toContain('redirect');
  });

  test('keeps its entry alive, and counts what it forwards', async () => {
    using it = await established();
    const [key, entry] = await it.pair.entry();
    it.pair.datapath.conntrack.set(key, { ...entry, expires: entry.expires - 100 });
    expect(it.inwards(forth.data(CLIENT, NODE_PORT))).toEqual(['redirect']);
    expect((await it.pair.entry())[1].expires).toBeGreaterThan(entry.expires - 3);
    const forwarded = async () =>
      (await it.pair.datapath.counters()).find(({ reason, direction }) => reason === 'none' && direction === 'ingress');
    const before = (await forwarded())?.packets ?? 0;
    it.inwards(forth.data(CLIENT, NODE_PORT));
    expect((await forwarded())?.packets).toBe(before + 1);
  });

  test('costs a hop on the way out', async () => {
    using it = await established();
    const answer = (ttl: number) =>
      it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, back.data(SERVICE, CLIENT), { ip: { ttl } }));
    expect(parsePacket(answer(9).packet).ip?.ttl).toBe(8);
    expect(answer(1).verdict).toBe('ttl-exceeded');
  });
});

test('a datagram of a backend that drains goes to another', async () => {
  using it = await serviceScene({ b: OPEN_TO_WORLD });
  const c = it.pair.pod({ id: 3, addr: parseAddr('10.244.1.33'), identity: 301 });
  await it.pair.open(c, OPEN_TO_WORLD);
  const service = { addr: ANY, port: NODE_PORT, protocol: UDP, scope: 'outside' } as const;
  const send = () => seen(it.pair.arrive(fromWorld(WORLD, NODE, udp(CLIENT, NODE_PORT)))).to;
  it.services.set({ ...service, backends: [B] });
  expect([send(), send()]).toEqual([`${B}:${SERVICE}`, `${B}:${SERVICE}`]);
  it.services.set({ ...service, backends: [c.addr] });
  expect(send()).toBe(`${B}:${SERVICE}`);
  it.services.maps.backends.delete(it.services.backendId(B, UDP));
  expect([send(), send()]).toEqual([`${c.addr}:${SERVICE}`, `${c.addr}:${SERVICE}`]);
});

test('a pod’s packet to the node port of its node', async () => {
  using it = await serviceScene();
  it.services.set({ addr: ANY, port: NODE_PORT, backends: [B] });
  expect(seen(it.pair.send(it.pair.a, fromPod(it.pair.a, NODE, tcp(CLIENT, NODE_PORT, 'SYN')))).to).toBe(
    `${B}:${SERVICE}`,
  );
  expect(seen(it.pair.back(tcp(SERVICE, CLIENT, 'SYN', 'ACK'))).from).toBe(`${NODE}:${NODE_PORT}`);
});

test('with services off the address of one is the world’s', async () => {
  using it = await serviceScene({ b: OPEN_TO_WORLD, config: { enableServices: false } });
  it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B] });
  expect(it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN'))).verdict).toBe('pass');
});

describe('what is not turned to a backend', () => {
  test('the same port of anybody but a node', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    for (const scope of ['inside', 'outside'] as const)
      it.services.set({ addr: ANY, port: NODE_PORT, scope, backends: [B] });
    const out = parsePacket(it.pair.send(it.pair.a, fromPod(it.pair.a, WORLD, tcp(CLIENT, NODE_PORT, 'SYN'))).packet);
    expect([out.ip?.destination, out.transport?.destinationPort]).toEqual([WORLD, NODE_PORT]);
    const frame = fromWorld(WORLD, EXTERNAL, tcp(CLIENT, NODE_PORT, 'SYN'));
    expect(it.pair.arrive(frame)).toMatchObject({ verdict: 'pass', packet: frame });
  });

  test('what goes to a pod, whatever is said of its address', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: B, port: SERVICE, backends: [A] });
    const outcome = it.pair.send(it.pair.a, fromPod(it.pair.a, B, tcp(CLIENT, SERVICE, 'SYN')));
    expect(seen(outcome)).toMatchObject({ verdict: 'redirect', from: `${A}:${CLIENT}`, to: `${B}:${SERVICE}` });
  });

  test('a client who is the only backend himself, outside', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [WORLD] });
    expect(it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN'))).verdict).toBe('service-conflict');
    expect(await it.pair.datapath.connections()).toEqual([]);
  });

  test('SCTP in fragments, of which nothing is opened', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, protocol: PROTOCOL_OF.SCTP, scope: 'outside', backends: [B] });
    const [opens] = SPEECH.SCTP.forth.opening(CLIENT, NODE_PORT);
    if (opens === undefined) throw new Error('it opens with nothing');
    const frame = fromWorld(WORLD, NODE, opens, { ip: { id: 5, moreFragments: true } });
    expect(it.pair.arrive(frame).verdict).toBe('service-conflict');
    expect(await it.pair.datapath.connections()).toEqual([]);
  });

  test('what has no room for its rows: nothing of it is left', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD, sizes: { translations: 1 } });
    it.services.set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [B] });
    expect(it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, 'SYN'))).verdict).toBe('ct-full');
    expect([await it.pair.datapath.connections(), await it.services.translations.entries()]).toEqual([[], []]);
  });
});
