import { expect, test } from 'vitest';
import { type Addr, parseAddr, type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { fromPod, fromWorld, tcp, toPod, udp } from './frames.ts';
import { allow, EVERYTHING, type LabPod, NODE, OPEN, OTHER_NODE, REMOTE_POD, WORLD } from './lab.ts';
import { A, B, Pair, SERVICE, TCP } from './pair.ts';
import { seen, serviceScene, VIP, VIP_PORT } from './service-lab.ts';

/** As the lab's ipcache has it. */
const REMOTE = 900;
/** Of another node's range, and nobody's. */
const NOBODY = parseAddr('10.244.2.77');
const NATIVE = { enableNative: true } as const;

/** At the node's device, and where the stack hands it to the pod: what the pod sends goes by the stack as well. */
const throughStack = (pair: Pair, pod: LabPod, from: Addr, transport: TransportSpec) => [
  pair.arrive(fromWorld(from, pod.addr, transport)).verdict,
  pair.receive(pod, toPod(pod, from, transport), true).verdict,
];

test('a pod of another node is reached under the pod’s own address, and answers', async () => {
  using pair = await Pair.create({ a: [allow('egress', REMOTE, TCP, SERVICE)], config: NATIVE });
  for (const flags of [['SYN'], ['ACK'], ['ACK']] as const) {
    const { verdict, packet } = pair.send(pair.a, fromPod(pair.a, REMOTE_POD, tcp(5, SERVICE, ...flags)));
    expect(verdict).toBe('pass');
    expect(parsePacket(packet).ip).toMatchObject({ source: A, destination: REMOTE_POD });
    const answer = tcp(SERVICE, 5, ...(flags[0] === 'SYN' ? (['SYN', 'ACK'] as const) : flags));
    expect(throughStack(pair, pair.a, REMOTE_POD, answer)).toEqual(['pass', 'pass']);
  }
  expect(pair.send(pair.a, fromPod(pair.a, REMOTE_POD, tcp(6, SERVICE + 1, 'SYN'))).verdict).toBe('policy-egress');
});

test('one that opens is who the ipcache says has its address, and told of as him', async () => {
  using pair = await Pair.create({ b: [allow('ingress', REMOTE, TCP, SERVICE)], config: NATIVE });
  const { verdict, events } = pair.arrive(fromWorld(REMOTE_POD, B, tcp(5, SERVICE, 'SYN')));
  expect(verdict).toBe('pass');
  const leaves = pair.receive(pair.b, toPod(pair.b, REMOTE_POD, tcp(5, SERVICE, 'SYN')), true);
  expect([leaves.verdict, leaves.events], 'and is told of once').toEqual(['pass', []]);
  expect(events).toEqual([expect.objectContaining({ type: 'open', sourceIdentity: REMOTE, destinationIdentity: 301 })]);
  const refused = pair.arrive(fromWorld(REMOTE_POD, B, tcp(6, SERVICE + 1, 'SYN')));
  expect([refused.verdict, refused.events[0]?.sourceIdentity]).toEqual(['policy-ingress', REMOTE]);
  pair.identify(`${REMOTE_POD}/32`, 901);
  pair.turn(REMOTE_POD);
  expect(pair.arrive(fromWorld(REMOTE_POD, B, tcp(5, SERVICE, 'ACK'))).verdict, 'another has it').toBe(
    'policy-ingress',
  );
});

test('nobody of this node comes from outside, nor anybody with an address that no pod has', async () => {
  using pair = await Pair.create({ b: EVERYTHING, config: NATIVE });
  pair.identify('10.244.2.0/24', 255);
  expect(pair.arrive(fromWorld(A, B, udp(1, 2))).verdict).toBe('spoofed-ip');
  expect(pair.arrive(fromWorld(NODE, B, udp(1, 2))).verdict).toBe('spoofed-ip');
  expect(pair.arrive(fromWorld(NOBODY, B, udp(1, 2))).verdict).toBe('unencapsulated');
  expect(pair.send(pair.b, fromPod(pair.b, NOBODY, udp(1, 2))).verdict).toBe('no-endpoint');
  expect(pair.arrive(fromWorld(OTHER_NODE, B, udp(1, 2))).verdict, 'a node').toBe('pass');
});

test('what a pod asked of a service is answered as by the service from another node, too', async () => {
  using it = await serviceScene({ config: NATIVE });
  it.services.set({ addr: VIP, port: VIP_PORT, backends: [REMOTE_POD] });
  const { pair } = it;
  const asks = pair.send(pair.a, fromPod(pair.a, VIP, tcp(5, VIP_PORT, 'SYN')));
  expect(seen(asks)).toEqual({ verdict: 'pass', from: `${A}:5`, to: `${REMOTE_POD}:${SERVICE}`, sums: [true, true] });
  const answer = tcp(SERVICE, 5, 'SYN', 'ACK');
  expect(pair.arrive(fromWorld(REMOTE_POD, A, answer)).verdict).toBe('pass');
  const home = pair.receive(pair.a, toPod(pair.a, REMOTE_POD, answer), true);
  expect(seen(home)).toEqual({ verdict: 'pass', from: `${VIP}:${VIP_PORT}`, to: `${A}:5`, sums: [true, true] });
});

test.each([
  ['whose services are ours', { enableStack: true }],
  ['whose services are another proxy’s', { enableStack: true, enableServices: false }],
])('beside a proxy %s it is the same', async (_, config) => {
  using pair = await Pair.create({ a: EVERYTHING, b: EVERYTHING, config: { ...NATIVE, ...config } });
  for (const transport of [tcp(5, SERVICE, 'SYN'), tcp(5, SERVICE, 'ACK'), udp(5, 6), udp(5, 6)]) {
    expect(throughStack(pair, pair.b, REMOTE_POD, transport)).toEqual(['pass', 'pass']);
    expect(throughStack(pair, pair.b, WORLD, transport)).toEqual(['pass', 'pass']);
  }
  for (const transport of [tcp(5, SERVICE, 'SYN'), udp(5, 6)]) {
    expect(pair.send(pair.a, fromPod(pair.a, REMOTE_POD, transport)).verdict).toBe('pass');
  }
  for (const transport of [tcp(SERVICE, 5, 'SYN', 'ACK'), udp(6, 5)]) {
    expect(throughStack(pair, pair.a, REMOTE_POD, transport)).toEqual(['pass', 'pass']);
  }
});

test('without routes none is reached, and none believed', async () => {
  using pair = await Pair.create({ a: [OPEN.egress], b: EVERYTHING });
  expect(pair.send(pair.a, fromPod(pair.a, REMOTE_POD, udp(1, 2))).verdict).toBe('no-route');
  expect(pair.arrive(fromWorld(REMOTE_POD, B, udp(1, 2))).verdict).toBe('unencapsulated');
});
