import { describe, expect, test } from 'vitest';
import { MARK_TUNNELED } from '../../src/model/gen/numbers.ts';
import { type Addr, parseAddr } from '../../src/net/index.ts';
import { fragmentsOf, fromPod, fromWorld, icmpError, ping, pong, tcp, udp } from './frames.ts';
import { allow, NODE, OPEN, OTHER_NODE, REMOTE_POD, TUNNEL_PORT, WORLD } from './lab.ts';
import { NEW_POD, OverlayLab, REMOTE } from './overlay-lab.ts';
import { B, CLIENT, SERVICE, TCP, UDP } from './pair.ts';
import { ANY, NODE_PORT, Services, seen, VIP, VIP_PORT } from './service-lab.ts';

const TO_REMOTE = { node: OTHER_NODE, identity: 300, reach: REMOTE };

test('a packet carries who sent it and whom he was allowed to reach, from the first on', async () => {
  using lab = await OverlayLab.create();
  const send = (...flags: Parameters<typeof tcp>[2][]) => fromPod(lab.a, REMOTE_POD, tcp(CLIENT, SERVICE, ...flags));
  expect(lab.send(lab.a, send('SYN')).verdict).toBe('redirect');
  expect(lab.envelopeOf(lab.a, send('SYN'))).toEqual(TO_REMOTE);
  expect(lab.hear(tcp(SERVICE, CLIENT, 'SYN', 'ACK'), { to: lab.a.addr, reach: 300 }).verdict).toBe('redirect');
  expect(lab.envelopeOf(lab.a, send('ACK'))).toEqual(TO_REMOTE);
  expect(lab.envelopeOf(lab.a, send('ACK', 'PSH')), 'established').toEqual(TO_REMOTE);
  const [, entry] = await lab.entry();
  expect(entry.natPort, 'not under the address of the node').toBe(0);
});

test('what is sent is the frame of the pod as it is', async () => {
  using lab = await OverlayLab.create();
  const frame = fromPod(lab.a, REMOTE_POD, udp(CLIENT, SERVICE));
  for (let i = 0; i < 3; i += 1) expect(lab.send(lab.a, frame).packet).toEqual(frame);
});

test.each([
  ['echo', ping(7)],
  ['a datagram', udp(CLIENT, SERVICE)],
] as const)('%s goes to a pod of another node only if policy says so', async (_name, transport) => {
  using lab = await OverlayLab.create({ a: [OPEN.ingress, allow('egress', REMOTE + 1)] });
  expect(lab.send(lab.a, fromPod(lab.a, REMOTE_POD, transport)).verdict).toBe('policy-egress');
  await lab.open(lab.a, [allow('egress', REMOTE)]);
  expect(lab.envelopeOf(lab.a, fromPod(lab.a, REMOTE_POD, transport))).toEqual(TO_REMOTE);
});

test('all fragments of a datagram go', async () => {
  using lab = await OverlayLab.create();
  const [first, rest] = fragmentsOf(lab.a.addr, REMOTE_POD, udp(CLIENT, SERVICE, new Uint8Array(64)), 24);
  expect(lab.envelopeOf(lab.a, fromPod(lab.a, REMOTE_POD, first, { ip: { id: 5, moreFragments: true } }))).toEqual(
    TO_REMOTE,
  );
  expect(lab.envelopeOf(lab.a, fromPod(lab.a, REMOTE_POD, rest, { ip: { id: 5, fragmentOffset: 24 } }))).toEqual(
    TO_REMOTE,
  );
});

test('a new owner of the address is who is meant from then on', async () => {
  using lab = await OverlayLab.create();
  const frame = fromPod(lab.a, REMOTE_POD, udp(CLIENT, SERVICE));
  for (let i = 0; i < 3; i += 1) lab.send(lab.a, frame);
  lab.identify(`${REMOTE_POD}/32`, 901, 0, OTHER_NODE);
  expect(lab.envelopeOf(lab.a, frame), 'while the word stands').toEqual(TO_REMOTE);
  lab.turn(REMOTE_POD);
  expect(lab.envelopeOf(lab.a, frame)).toEqual({ ...TO_REMOTE, reach: 901 });
  await lab.open(lab.a, [allow('egress', REMOTE)]);
  expect(lab.send(lab.a, frame).verdict).toBe('policy-egress');
});

test('an address that moved to another node is sought there', async () => {
  using lab = await OverlayLab.create();
  const third = WORLD;
  lab.join(third, '10.244.3.0/24');
  const frame = fromPod(lab.a, REMOTE_POD, udp(CLIENT, SERVICE));
  lab.send(lab.a, frame);
  lab.identify(`${REMOTE_POD}/32`, REMOTE, 0, third);
  lab.turn(REMOTE_POD);
  expect(lab.envelopeOf(lab.a, frame)).toEqual({ ...TO_REMOTE, node: third });
  expect(lab.envelopeOf(lab.a, frame)).toEqual({ ...TO_REMOTE, node: third });
});

test('nodes themselves are reached past the overlay', async () => {
  using lab = await OverlayLab.create();
  const frame = fromPod(lab.a, OTHER_NODE, udp(CLIENT, SERVICE));
  expect(lab.envelopeOf(lab.a, frame)).toBeUndefined();
  expect((await lab.entry())[1].natPort).not.toBe(0);
});

describe('at the uplink nobody is asked about what the overlay has made', () => {
  const carry = (lab: OverlayLab, from: Addr, to: Addr, port: number, mark: number, source = CLIENT) =>
    lab.run(lab.netdev.to_netdev, fromWorld(from, to, udp(source, port)), 0, { mark }).verdict;

  test('nor about anything else that says it is', async () => {
    using lab = await OverlayLab.create();
    const { mark } = lab.send(lab.a, fromPod(lab.a, REMOTE_POD, udp(CLIENT, SERVICE)));
    expect(mark).toBe(MARK_TUNNELED);
    expect(carry(lab, NODE, NEW_POD, TUNNEL_PORT, mark)).toBe('pass');
    expect(carry(lab, NODE, NEW_POD, TUNNEL_PORT, 0), 'without the mark').toBe('no-endpoint');
    expect(carry(lab, NODE, NEW_POD, SERVICE, mark), 'to another port').toBe('no-endpoint');
    expect(carry(lab, WORLD, NEW_POD, TUNNEL_PORT, mark), 'from another address').toBe('no-endpoint');
    expect(
      lab.run(lab.netdev.to_netdev, fromWorld(NODE, NEW_POD, tcp(CLIENT, TUNNEL_PORT, 'SYN')), 0, { mark }).verdict,
      'by TCP',
    ).toBe('no-endpoint');
  });

  test('but without an overlay about all', async () => {
    using lab = await OverlayLab.create({ config: { enableOverlay: false } });
    expect(carry(lab, NODE, NEW_POD, TUNNEL_PORT, MARK_TUNNELED)).toBe('no-endpoint');
  });

  test.each([
    ['comes to the tunnel', { to: NODE }, 'pass'],
    ['comes from this very machine', { from: parseAddr('127.0.0.1') }, 'loopback-address'],
    ['comes to a pod', { to: B }, 'unencapsulated'],
    ['comes to nobody', { to: NEW_POD }, 'no-endpoint'],
  ] as const)('what %s', async (_name, ends, verdict) => {
    using lab = await OverlayLab.create();
    const { from, to } = { from: REMOTE_POD, to: NODE, ...ends };
    expect(lab.arrive(fromWorld(from, to, udp(CLIENT, TUNNEL_PORT))).verdict).toBe(verdict);
  });
});

test('an address of a range that no pod has is nobody’s', async () => {
  using lab = await OverlayLab.create();
  expect(lab.send(lab.a, fromPod(lab.a, NEW_POD, udp(CLIENT, SERVICE))).verdict).toBe('no-endpoint');
});

test('who is not known yet is answered by what his packets said', async () => {
  using lab = await OverlayLab.create({ b: [allow('ingress', 950, UDP, SERVICE)] });
  const answer = fromPod(lab.b, NEW_POD, udp(SERVICE, CLIENT));
  expect(lab.hear(udp(CLIENT, SERVICE), { from: NEW_POD, identity: 950 }).verdict).toBe('redirect');
  for (let i = 0; i < 2; i += 1) {
    expect(lab.envelopeOf(lab.b, answer)).toEqual({ node: OTHER_NODE, identity: 301, reach: 950 });
    expect(lab.hear(udp(CLIENT, SERVICE), { from: NEW_POD, identity: 950 }).verdict).toBe('redirect');
    lab.turn(NEW_POD);
  }
  expect(lab.send(lab.b, fromPod(lab.b, NEW_POD, udp(SERVICE, CLIENT + 1))).verdict, 'another port').toBe(
    'no-endpoint',
  );
  lab.identify('10.244.2.0/24', 255, 0, WORLD);
  expect(lab.send(lab.b, answer).verdict, 'the range is another node’s').toBe('no-endpoint');
});

test('a process of another node is answered by the way it came', async () => {
  using lab = await OverlayLab.create({ b: [allow('ingress', 6, TCP, SERVICE)] });
  const from = { from: OTHER_NODE, identity: 6 } as const;
  expect(lab.hear(tcp(CLIENT, SERVICE, 'SYN'), from).verdict).toBe('redirect');
  const answer = (...flags: Parameters<typeof tcp>[2][]) => fromPod(lab.b, OTHER_NODE, tcp(SERVICE, CLIENT, ...flags));
  const back = { node: OTHER_NODE, identity: 301, reach: 6 };
  expect(lab.envelopeOf(lab.b, answer('SYN', 'ACK'))).toEqual(back);
  expect(lab.hear(tcp(CLIENT, SERVICE, 'ACK'), from).verdict).toBe('redirect');
  expect(lab.envelopeOf(lab.b, answer('ACK', 'PSH')), 'established').toEqual(back);
  lab.turn(OTHER_NODE);
  expect(lab.envelopeOf(lab.b, answer('ACK', 'PSH')), 'judged anew').toEqual(back);
  const error = icmpError(OTHER_NODE, B, tcp(CLIENT, SERVICE, 'ACK'));
  expect(lab.envelopeOf(lab.b, fromPod(lab.b, OTHER_NODE, error))).toEqual(back);
});

test('a process of this node reaches a pod of another, which answers it and nobody else', async () => {
  using lab = await OverlayLab.create();
  const out = (to = REMOTE_POD) => fromWorld(NODE, to, tcp(CLIENT, SERVICE, 'SYN'));
  const { action, packet } = lab.leaveTo(out());
  expect(action).toBe('pass');
  // 0a:58 and the node's address: peers take a frame from the MAC address of their own device for a loop.
  expect([...packet.subarray(6, 12)]).toEqual([0x0a, 0x58, 172, 18, 0, 2]);
  expect(lab.envelopeOfNode(out())).toEqual({ node: OTHER_NODE, identity: 6, reach: REMOTE });
  const answer = (port: number, reach = 6) => lab.hear(tcp(SERVICE, port, 'SYN', 'ACK'), { to: NODE, reach });
  expect(answer(CLIENT).verdict).toBe('pass');
  expect(answer(CLIENT + 1).verdict).toBe('icmp-unrelated');
  expect(answer(CLIENT, 7).verdict).toBe('pass');
  expect(answer(CLIENT, 301).verdict).toBe('stale-destination');
  expect(lab.leaveTo(out(NEW_POD)).verdict).toBe('no-endpoint');
  expect(lab.leaveTo(out(WORLD)).verdict).toBe('no-route');
  expect(lab.leaveTo(fromWorld(B, REMOTE_POD, tcp(CLIENT, SERVICE, 'SYN'))).verdict).toBe('spoofed-ip');
  expect(lab.leaveTo(fromWorld(NODE, REMOTE_POD, ping(9))).verdict).toBe('pass');
  expect(lab.hear(pong(9), { to: NODE, reach: 6 }).verdict).toBe('pass');
});

test('a client of a service is known to a backend of another node as who he is', async () => {
  using lab = await OverlayLab.create();
  new Services(lab).set({ addr: VIP, port: VIP_PORT, backends: [REMOTE_POD] });
  const request = fromPod(lab.a, VIP, tcp(CLIENT, VIP_PORT, 'SYN'));
  expect(lab.envelopeOf(lab.a, request)).toEqual(TO_REMOTE);
  const answer = lab.hear(tcp(SERVICE, CLIENT, 'SYN', 'ACK'), { to: lab.a.addr, reach: 300 });
  expect(seen(answer)).toEqual({
    verdict: 'redirect',
    from: `${VIP}:${VIP_PORT}`,
    to: `${lab.a.addr}:${CLIENT}`,
    sums: [true, true],
  });
});

describe('a node port takes a client of the world to a backend of another node', () => {
  const request = (...flags: Parameters<typeof tcp>[2][]) => fromWorld(WORLD, NODE, tcp(CLIENT, NODE_PORT, ...flags));
  const asked = async (prefix?: number) => {
    const lab = await OverlayLab.create();
    if (prefix !== undefined) lab.identify(`${WORLD}/32`, prefix);
    new Services(lab).set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [REMOTE_POD] });
    expect(lab.envelopeAtNetdev(request('SYN'))).toEqual({ node: OTHER_NODE, identity: 2, reach: REMOTE });
    return lab;
  };
  const answer = (...flags: Parameters<typeof tcp>[2][]) => tcp(SERVICE, CLIENT, ...flags);

  test.each([undefined, 1 << 24])('under his own address, and his answers back (prefix %s)', async (prefix) => {
    using lab = await asked(prefix);
    const sent = lab.arrive(request('SYN'));
    const greeting = { from: `${WORLD}:${CLIENT}`, to: `${REMOTE_POD}:${SERVICE}`, sums: [true, true] };
    expect(seen(sent)).toEqual({ verdict: 'redirect', ...greeting });
    expect((await lab.entry())[1].natPort).toBe(0);
    const home = {
      verdict: 'redirect',
      from: `${NODE}:${NODE_PORT}`,
      to: `${WORLD}:${CLIENT}`,
      sums: [true, true],
    };
    expect(seen(lab.hear(answer('SYN', 'ACK'), { to: WORLD, reach: 2 }))).toEqual(home);
    expect(lab.envelopeAtNetdev(request('ACK'))).toEqual({ node: OTHER_NODE, identity: 2, reach: REMOTE });
    expect(seen(lab.hear(answer('ACK'), { to: WORLD, reach: 2 }))).toEqual(home);
  });

  test('whom nobody else may answer, nor otherwise', async () => {
    using lab = await asked();
    const from = (what: Parameters<OverlayLab['hear']>[1]) =>
      lab.hear(answer('SYN', 'ACK'), { to: WORLD, reach: 2, ...what }).verdict;
    expect(from({ reach: 301 })).toBe('wrong-destination');
    expect(from({ from: NEW_POD })).toBe('wrong-destination');
    expect(from({ from: OTHER_NODE, identity: 6 })).toBe('wrong-destination');
    expect(lab.hear(tcp(SERVICE, CLIENT, 'SYN'), { to: WORLD, reach: 2 }).verdict).toBe('wrong-destination');
    expect(lab.hear(tcp(SERVICE, CLIENT + 1, 'SYN', 'ACK'), { to: WORLD, reach: 2 }).verdict).toBe('wrong-destination');
    lab.join(parseAddr('172.18.0.4'), '10.244.3.0/24');
    lab.identify(`${REMOTE_POD}/32`, REMOTE, 0, parseAddr('172.18.0.4'));
    lab.turnWorld();
    expect(from({ node: parseAddr('172.18.0.4') }), 'the address is another node’s now').toBe('icmp-unrelated');
  });
});

test('a process of another node is taken there under the address of this one, and back', async () => {
  using lab = await OverlayLab.create();
  const third = parseAddr('172.18.0.4');
  lab.join(third, '10.244.3.0/24');
  new Services(lab).set({ addr: ANY, port: NODE_PORT, scope: 'outside', backends: [REMOTE_POD] });
  const request = fromWorld(third, NODE, tcp(CLIENT, NODE_PORT, 'SYN'));
  expect(lab.envelopeAtNetdev(request)).toEqual({ node: OTHER_NODE, identity: 6, reach: REMOTE });
  const [, { natPort }] = await lab.entry();
  const answer = tcp(SERVICE, natPort, 'SYN', 'ACK');
  expect(lab.arrive(fromWorld(REMOTE_POD, NODE, answer)).verdict, 'without the overlay').toBe('icmp-unrelated');
  expect(seen(lab.hear(answer, { to: NODE, reach: 6 }))).toEqual({
    verdict: 'redirect',
    from: `${NODE}:${NODE_PORT}`,
    to: `${third}:${CLIENT}`,
    sums: [true, true],
  });
});
