import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { parseAddr } from '../../src/net/index.ts';
import { fromPod, fromWorld, tcp, udp } from './frames.ts';
import { allow, NODE, TUNNEL_PORT, WORLD } from './lab.ts';
import { OVERLAY } from './overlay-lab.ts';
import { A, B, CLIENT, FRONTEND, SERVICE, SPEECH } from './pair.ts';
import { PROTOCOL_OF, seen, serviceScene } from './service-lab.ts';

const PORT = 54_323;
const OPEN_TO_WORLD = [allow('ingress', 2), allow('ingress', FRONTEND)];

/** The pod B has the port at the node's address. */
async function scene(b = OPEN_TO_WORLD) {
  const it = await serviceScene({ b });
  for (const protocol of [PROTOCOL_OF.TCP, PROTOCOL_OF.UDP]) {
    it.services.set({ addr: NODE, port: PORT, protocol, scope: 'outside', backends: [B] });
  }
  return it;
}

describe('a pod’s port at the node’s address, from outside', () => {
  test.each(['TCP', 'UDP'] as const)('%s: the pod sees the client, the client the node', async (name) => {
    using it = await scene();
    const { forth, back } = SPEECH[name];
    const there = { verdict: 'redirect', from: `${WORLD}:${CLIENT}`, to: `${B}:${SERVICE}`, sums: [true, true] };
    const answer = { verdict: 'redirect', from: `${NODE}:${PORT}`, to: `${WORLD}:${CLIENT}`, sums: [true, true] };
    for (const transport of forth.opening(CLIENT, PORT)) {
      expect(seen(it.pair.arrive(fromWorld(WORLD, NODE, transport)))).toEqual(there);
    }
    for (const transport of back.opening(SERVICE, CLIENT)) {
      expect(seen(it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, transport)))).toEqual(answer);
    }
    expect(seen(it.pair.arrive(fromWorld(WORLD, NODE, forth.data(CLIENT, PORT))))).toEqual(there);
  });

  test('policy judges the client by the pod’s own port', async () => {
    using it = await scene([allow('ingress', FRONTEND)]);
    const outcome = it.pair.arrive(fromWorld(WORLD, NODE, tcp(CLIENT, PORT, 'SYN')));
    expect(outcome.verdict).toBe('policy-ingress');
    expect(outcome.events[0]).toMatchObject({ source: WORLD, destination: B, destinationPort: SERVICE });
  });

  test('what the node’s own connections from that port are answered is the node’s', async () => {
    using it = await scene();
    for (const flags of [['SYN', 'ACK'], ['ACK'], ['RST']] as const) {
      const frame = fromWorld(WORLD, NODE, tcp(443, PORT, ...flags));
      expect(it.pair.arrive(frame)).toMatchObject({ verdict: 'pass', packet: frame });
    }
  });

  test.each(['TCP', 'UDP', 'SCTP'] as const)('%s: no other pod leaves the node under it', async (name) => {
    const snatPortMin = PORT - 2;
    using it = await serviceScene({ b: OPEN_TO_WORLD, config: { snatPortMin, snatPortMax: PORT + 1 } });
    const protocol = PROTOCOL_OF[name];
    it.services.set({ addr: NODE, port: PORT, protocol, scope: 'outside', backends: [B] });
    const { a } = it.pair;
    const left = Array.from({ length: 4 }, (_, i) => {
      const [transport] = SPEECH[name].forth.opening(snatPortMin + i, CLIENT);
      if (transport === undefined) throw new Error('it opens with nothing');
      const outcome = it.pair.send(a, fromPod(a, WORLD, transport));
      return outcome.verdict === 'redirect' ? seen(outcome).from : outcome.verdict;
    });
    const ports = [PORT - 2, PORT - 1, PORT + 1].map((port) => `${NODE}:${port}`);
    expect(left.toSorted()).toEqual([...ports, 'nat-exhausted'].toSorted());
  });

  test.each([
    ['what nodes tunnel to each other is not the pod’s', true, 'pass'],
    ['which is a port like any other where there is no overlay', false, 'redirect'],
  ] as const)('%s', async (_, enableOverlay, verdict) => {
    using it = await serviceScene({ b: OPEN_TO_WORLD, config: { ...OVERLAY, enableOverlay } });
    it.services.set({ addr: NODE, port: TUNNEL_PORT, protocol: PROTOCOL_OF.UDP, scope: 'outside', backends: [B] });
    expect(it.pair.arrive(fromWorld(WORLD, NODE, udp(CLIENT, TUNNEL_PORT))).verdict).toBe(verdict);
  });

  test('what answers another pod, which left under the port before, is that pod’s', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    const left = seen(it.pair.send(it.pair.a, fromPod(it.pair.a, WORLD, udp(CLIENT, 53)))).from;
    const port = Number(left.split(':')[1]);
    it.services.set({ addr: NODE, port, protocol: PROTOCOL_OF.UDP, scope: 'outside', backends: [B] });
    const answer = seen(it.pair.arrive(fromWorld(WORLD, NODE, udp(53, port))));
    expect(answer).toMatchObject({ verdict: 'redirect', from: `${WORLD}:53`, to: `${A}:${CLIENT}` });
  });

  test('another address and another protocol are nobody’s', async () => {
    using it = await scene();
    const elsewhere = fromWorld(WORLD, parseAddr('203.0.113.9'), tcp(CLIENT, PORT, 'SYN'));
    expect(it.pair.arrive(elsewhere)).toMatchObject({ verdict: 'pass', packet: elsewhere });
  });

  test('a process of the node that has the port keeps it: TCP', async () => {
    using it = await scene();
    const server = createServer().listen(PORT, '0.0.0.0');
    await once(server, 'listening');
    const frame = fromWorld(WORLD, NODE, tcp(CLIENT, PORT, 'SYN'));
    expect(it.pair.arrive(frame)).toMatchObject({ verdict: 'pass', packet: frame });
    server.close();
    await once(server, 'close');
    expect(it.pair.arrive(frame).verdict).toBe('redirect');
  });

  test('a socket of the node that has the port keeps it: UDP', async () => {
    using it = await scene();
    const socket = createSocket('udp4').bind(PORT, '0.0.0.0');
    await once(socket, 'listening');
    const frame = fromWorld(WORLD, NODE, udp(CLIENT, PORT));
    expect(it.pair.arrive(frame)).toMatchObject({ verdict: 'pass', packet: frame });
    socket.close();
    await once(socket, 'close');
    expect(it.pair.arrive(frame).verdict).toBe('redirect');
  });
});
