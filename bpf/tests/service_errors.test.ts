import { describe, expect, test } from 'vitest';
import { parseAddr } from '../../src/net/index.ts';
import { fromPod, fromWorld, icmpError, toPod, udp } from './frames.ts';
import { allow, NODE, OPEN, WORLD } from './lab.ts';
import { A, B, CLIENT, FRONTEND, Pair, SERVICE, UDP } from './pair.ts';
import { ANY, NODE_PORT, seenError, serviceScene, VIP, VIP_PORT } from './service-lab.ts';

const ROUTER = parseAddr('192.0.2.1');
const OPEN_TO_WORLD = [allow('ingress', 2), allow('ingress', FRONTEND)];
const GOOD = { verdict: 'redirect', sums: [true, true, true] };

describe('ICMP errors about connections that were translated', () => {
  test('a backend’s about a request of a pod', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [B] });
    it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT)));
    const about = `${A}:${CLIENT} ${VIP}:${VIP_PORT}`;
    expect(seenError(it.pair.back(icmpError(A, B, udp(CLIENT, SERVICE))))).toEqual({
      ...GOOD,
      from: VIP,
      to: A,
      about,
    });
    expect(it.pair.back(icmpError(A, B, udp(CLIENT + 1, SERVICE))).verdict).toBe('icmp-unrelated');
  });

  test('a pod’s about an answer of a service', async () => {
    using it = await serviceScene();
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [B] });
    it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT)));
    it.pair.back(udp(SERVICE, CLIENT));
    const error = (port: number) => fromPod(it.pair.a, VIP, icmpError(VIP, A, udp(VIP_PORT, port)));
    const about = `${B}:${SERVICE} ${A}:${CLIENT}`;
    expect(seenError(it.pair.send(it.pair.a, error(CLIENT)))).toEqual({ ...GOOD, from: A, to: B, about });
    expect(it.pair.send(it.pair.a, error(CLIENT + 1)).verdict).toBe('icmp-unrelated');
  });

  test('a backend’s about a request from outside', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, protocol: UDP, scope: 'outside', backends: [B] });
    it.pair.arrive(fromWorld(WORLD, NODE, udp(CLIENT, NODE_PORT)));
    const outcome = it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, icmpError(WORLD, B, udp(CLIENT, SERVICE))));
    const about = `${WORLD}:${CLIENT} ${NODE}:${NODE_PORT}`;
    expect(seenError(outcome)).toEqual({ ...GOOD, from: NODE, to: WORLD, about });
  });

  test('a router’s, or the client’s, about an answer to the outside', async () => {
    using it = await serviceScene({ b: OPEN_TO_WORLD });
    it.services.set({ addr: ANY, port: NODE_PORT, protocol: UDP, scope: 'outside', backends: [B] });
    it.pair.arrive(fromWorld(WORLD, NODE, udp(CLIENT, NODE_PORT)));
    it.pair.send(it.pair.b, fromPod(it.pair.b, WORLD, udp(SERVICE, CLIENT)));
    const about = `${B}:${SERVICE} ${WORLD}:${CLIENT}`;
    for (const from of [ROUTER, WORLD]) {
      const error = icmpError(NODE, WORLD, udp(NODE_PORT, CLIENT), { type: 3, code: 4 });
      expect(seenError(it.pair.arrive(fromWorld(from, NODE, error)))).toEqual({ ...GOOD, from, to: B, about });
    }
    const other = fromWorld(ROUTER, NODE, icmpError(NODE, WORLD, udp(NODE_PORT, CLIENT + 1)));
    expect(it.pair.arrive(other)).toMatchObject({ verdict: 'pass', packet: other });
  });

  test('a process’s of the node about a request of a pod', async () => {
    using it = await serviceScene({});
    it.services.set({ addr: VIP, port: VIP_PORT, protocol: UDP, backends: [NODE] });
    it.pair.send(it.pair.a, fromPod(it.pair.a, VIP, udp(CLIENT, VIP_PORT)));
    const outcome = it.pair.receive(it.pair.a, toPod(it.pair.a, NODE, icmpError(A, NODE, udp(CLIENT, SERVICE))));
    const about = `${A}:${CLIENT} ${VIP}:${VIP_PORT}`;
    expect(seenError(outcome)).toEqual({ ...GOOD, verdict: 'pass', from: VIP, to: A, about });
  });
});

test('a pod’s error about an answer of the world goes out under the node’s address', async () => {
  using pair = await Pair.create({ a: [OPEN.egress] });
  pair.send(pair.a, fromPod(pair.a, WORLD, udp(CLIENT, 53)));
  const [, { natPort }] = await pair.entry();
  const outcome = pair.send(pair.a, fromPod(pair.a, WORLD, icmpError(WORLD, A, udp(53, CLIENT))));
  expect(seenError(outcome)).toEqual({ ...GOOD, from: NODE, to: WORLD, about: `${WORLD}:53 ${NODE}:${natPort}` });
});
