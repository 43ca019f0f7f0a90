import { describe, expect, test } from 'vitest';
import { outsideOf } from '../../src/datapath/maps/outside.ts';
import { buildPacket, parseMac } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { addr, fromPod, fromWorld, ping, pong, tcp, toPod, udp } from './frames.ts';
import { allow, EVERYTHING, GATEWAY_MAC, NODE, OPEN, OTHER_NODE, REMOTE_POD, WORLD } from './lab.ts';
import { A, B, Pair } from './pair.ts';

const FORWARDED = true;

describe('the node and its pods', () => {
  test('the node calls a pod, and is answered through the stack', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 1)] });
    expect(pair.receive(pair.b, toPod(pair.b, NODE, tcp(50_000, 80, 'SYN'))).verdict).toBe('pass');
    const [key, entry] = await pair.entry();
    const own = key.addr[0] === B ? 0 : 1;
    expect(entry.endpoint[own]).toBe(2);
    expect([entry.endpoint[1 - own], entry.way[1 - own]]).toEqual([outsideOf(NODE), 0]);
    expect(entry.identity[1 - own]).toBe(1);
    expect((await pair.datapath.connections())[0]?.flags).toContain('host');
    const answer = pair.send(pair.b, fromPod(pair.b, NODE, tcp(80, 50_000, 'SYN', 'ACK')));
    expect(answer.verdict).toBe('pass');
    expect(parsePacket(answer.packet).ip?.source).toBe(B);
    // Both ways on the established path.
    expect(pair.receive(pair.b, toPod(pair.b, NODE, tcp(50_000, 80, 'ACK'))).verdict).toBe('pass');
    expect(pair.send(pair.b, fromPod(pair.b, NODE, tcp(80, 50_000, 'ACK'))).verdict).toBe('pass');
  });

  test('a pod calls the node', async () => {
    using pair = await Pair.create({ a: [allow('egress', 1, 6, 443)] });
    expect(pair.send(pair.a, fromPod(pair.a, NODE, tcp(5, 443, 'SYN'))).verdict).toBe('pass');
    expect(pair.send(pair.a, fromPod(pair.a, NODE, tcp(5, 444, 'SYN'))).verdict).toBe('policy-egress');
    expect(pair.receive(pair.a, toPod(pair.a, NODE, tcp(443, 5, 'SYN', 'ACK'))).verdict).toBe('pass');
    expect(pair.receive(pair.a, toPod(pair.a, NODE, tcp(443, 6, 'SYN', 'ACK'))).verdict).toBe('policy-ingress');
  });

  test('echo in both directions', async () => {
    using pair = await Pair.create({ a: EVERYTHING });
    expect(pair.receive(pair.a, toPod(pair.a, NODE, ping(7))).verdict).toBe('pass');
    expect(pair.send(pair.a, fromPod(pair.a, NODE, pong(7))).verdict).toBe('pass');
    expect(pair.send(pair.a, fromPod(pair.a, NODE, ping(8))).verdict).toBe('pass');
    expect(pair.receive(pair.a, toPod(pair.a, NODE, pong(8))).verdict).toBe('pass');
  });

  test('a frame to a pod is not changed', async () => {
    using pair = await Pair.create({ b: EVERYTHING });
    const frame = toPod(pair.b, NODE, udp(1, 2));
    expect(pair.receive(pair.b, frame).packet).toEqual(frame);
  });

  test('what the node sends from any address of its own is the node’s, what it forwards is not', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 1)] });
    const other = addr('192.0.2.77');
    expect(pair.receive(pair.b, toPod(pair.b, other, udp(1, 2))).verdict).toBe('pass');
    expect(pair.receive(pair.b, toPod(pair.b, other, udp(1, 3)), FORWARDED).verdict).toBe('policy-ingress');
  });
});

describe('the world and the node’s pods', () => {
  test('the world calls a pod by its address and is answered by it', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 2)] });
    const delivered = pair.arrive(fromWorld(WORLD, B, tcp(50_000, 80, 'SYN')));
    expect(delivered.verdict).toBe('redirect');
    expect(parsePacket(delivered.packet)).toMatchObject({ source: GATEWAY_MAC, destination: pair.b.mac });
    expect(delivered.events[0]).toMatchObject({ hook: 'from-netdev', sourceIdentity: 2, destinationEndpoint: 2 });
    for (const flags of [['SYN', 'ACK'], ['ACK']] as const) {
      const answer = pair.send(pair.b, fromPod(pair.b, WORLD, tcp(80, 50_000, ...flags)));
      expect(answer.verdict).toBe('pass');
      expect(parsePacket(answer.packet).ip).toMatchObject({ source: B, ttl: 64 });
    }
  });

  test('forwarded by the stack it is judged the same', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 2, 17, 53)] });
    expect(pair.receive(pair.b, toPod(pair.b, WORLD, udp(1, 53)), FORWARDED).verdict).toBe('pass');
    expect(pair.receive(pair.b, toPod(pair.b, WORLD, udp(1, 54)), FORWARDED).verdict).toBe('policy-ingress');
  });

  test('a connection of the world is not one of the node, even from the same address', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 2)] });
    pair.arrive(fromWorld(WORLD, B, tcp(1, 80, 'SYN')));
    expect(pair.receive(pair.b, toPod(pair.b, WORLD, tcp(1, 80, 'ACK'))).verdict).toBe('policy-ingress');
  });

  test('other nodes have an identity of their own', async () => {
    using pair = await Pair.create({ a: [allow('egress', 6)], b: [allow('ingress', 6)] });
    expect(pair.arrive(fromWorld(OTHER_NODE, B, udp(1, 2))).verdict).toBe('redirect');
    expect(pair.arrive(fromWorld(WORLD, B, udp(1, 2))).verdict).toBe('policy-ingress');
    expect(pair.send(pair.a, fromPod(pair.a, OTHER_NODE, udp(1, 2))).verdict).toBe('redirect');
    expect(pair.send(pair.a, fromPod(pair.a, WORLD, udp(1, 2))).verdict).toBe('policy-egress');
  });

  test('the longest prefix says who an address is', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 16_777_501), OPEN.egress] });
    pair.identify('198.51.0.0/16', 16_777_500);
    pair.identify('198.51.100.0/24', 16_777_501);
    pair.identify('198.51.100.8/32', 16_777_502);
    const verdict = (text: string) => pair.arrive(fromWorld(addr(text), B, udp(1, 2))).verdict;
    expect(['198.51.99.1', '198.51.100.7', '198.51.100.8', '203.0.113.1'].map(verdict)).toEqual([
      'policy-ingress',
      'redirect',
      'policy-ingress',
      'policy-ingress',
    ]);
  });
});

describe('what a device of the node leaves to the stack', () => {
  const device = { source: parseMac('02:00:00:00:00:01'), destination: parseMac('00:00:00:00:00:00') };

  test.each([
    [
      'ARP',
      buildPacket({
        ethernet: device,
        network: {
          kind: 'arp',
          operation: 'request',
          senderMac: device.source,
          senderIp: WORLD,
          targetMac: device.destination,
          targetIp: NODE,
        },
      }),
    ],
    [
      'IPv6',
      buildPacket({
        ethernet: device,
        network: { kind: 'ipv6', source: addr('fd00::1'), destination: addr('fd00::2') },
        transport: udp(1, 2),
      }),
    ],
    ['what is for somebody else', fromWorld(WORLD, addr('203.0.113.3'), udp(1, 2))],
    [
      'what is addressed to another MAC',
      fromWorld(WORLD, B, udp(1, 2), { ethernet: { destination: parseMac('02:00:00:00:00:09') } }),
    ],
    ['IP options to the node', fromWorld(WORLD, NODE, udp(1, 2), { ip: { options: new Uint8Array(4) } })],
    ['a remote pod’s packet to the node', fromWorld(REMOTE_POD, NODE, udp(1, 2))],
  ])('%s', async (_name, frame) => {
    using pair = await Pair.create();
    const { verdict, packet } = pair.arrive(frame);
    expect(verdict).toBe('pass');
    expect(packet).toEqual(frame);
  });
});

describe('the log does not name the pod that a frame from outside pretends to be', () => {
  const nobody = { sourceEndpoint: 0, sourceIdentity: 0 };

  test.each([
    ['a local pod', A],
    ['a pod of another node', REMOTE_POD],
  ])('%s, at a device of the node and through its stack', async (_name, source) => {
    using pair = await Pair.create({ b: EVERYTHING });
    for (const outcome of [
      pair.arrive(fromWorld(source, B, udp(1, 2))),
      pair.receive(pair.b, toPod(pair.b, source, udp(1, 2)), FORWARDED),
    ]) {
      expect(outcome.events).toEqual([expect.objectContaining({ type: 'drop', source, ...nobody })]);
    }
  });

  test('what the world is by its address it may be called', async () => {
    using pair = await Pair.create({ b: [] });
    const { events } = pair.arrive(fromWorld(OTHER_NODE, B, udp(1, 2)));
    expect(events).toEqual([expect.objectContaining({ source: OTHER_NODE, sourceEndpoint: 0, sourceIdentity: 6 })]);
  });
});
