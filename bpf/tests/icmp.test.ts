import { describe, expect, test } from 'vitest';
import { type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { addr, fromPod, fromWorld, icmp, icmpError, ping, pong, sctp, tcp, toPod, udp } from './frames.ts';
import { allow, NODE, OPEN, WORLD } from './lab.ts';
import { A, B, CLIENT, Pair, SERVICE, TRANSPORTS, type Transport } from './pair.ts';

const DATA: Readonly<Record<Transport, (from: number, to: number) => TransportSpec>> = {
  TCP: (from, to) => tcp(from, to, 'ACK', 'PSH'),
  UDP: (from, to) => udp(from, to),
  SCTP: (from, to) => sctp(from, to, 0),
};

const ROUTER = addr('192.0.2.1');

describe('every type', () => {
  const opening = new Set([8]);
  const errors = new Set([3, 11, 12]);
  const all = Array.from({ length: 256 }, (_, type) => type);

  test.each([
    ['a pod to a pod', 'redirect'],
    ['the node to a pod', 'pass'],
    ['the world to a pod', 'redirect'],
  ] as const)('from %s: queries pass, and nothing else without a connection', async (who, passes) => {
    using pair = await Pair.unrestricted();
    const send = (type: number) => {
      const transport = icmp(type, 7);
      if (who === 'a pod to a pod') return pair.forth(transport).verdict;
      if (who === 'the node to a pod') return pair.receive(pair.b, toPod(pair.b, NODE, transport)).verdict;
      return pair.arrive(fromWorld(WORLD, B, transport)).verdict;
    };
    for (const type of all) {
      await pair.forgetConnections();
      const expected = opening.has(type)
        ? passes
        : type === 5
          ? 'icmp-redirect'
          : errors.has(type)
            ? // Without a quoted packet.
              'malformed'
            : 'icmp-unrelated';
      expect(send(type), `type ${type}`).toBe(expected);
    }
  });

  test('after an echo only its reply comes back', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 300)] });
    pair.forth(ping(7));
    const passed = all.filter((type) => pair.back(icmp(type, 7)).action !== 'drop');
    expect(passed).toEqual([0]);
  });
});

describe('an echo request is judged by policy whatever its id', () => {
  test('one with the id of a reply that was allowed', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 300)] });
    pair.forth(ping(7));
    pair.back(pong(7));
    expect(pair.back(ping(7)).verdict).toBe('policy-egress');
    expect(pair.forth(ping(7)).verdict).toBe('redirect');
  });

  test('from the world with the id of a pod’s own', async () => {
    using pair = await Pair.create({ config: { enableMasquerade: false } });
    pair.send(pair.a, fromPod(pair.a, WORLD, ping(7)));
    expect(pair.arrive(fromWorld(WORLD, A, ping(7))).verdict).toBe('policy-ingress');
    expect(pair.arrive(fromWorld(WORLD, A, pong(7))).verdict).toBe('redirect');
  });

  test('a type that policy does not name', async () => {
    using pair = await Pair.create({ b: [allow('ingress', 300, 1, 0x0800)] });
    expect(pair.forth(ping(1)).verdict).toBe('redirect');
    await pair.open(pair.b, [allow('ingress', 300, 1, 0x0801)]);
    expect(pair.forth(ping(1)).verdict).toBe('policy-ingress');
  });
});

describe.each(TRANSPORTS)('errors about %s connections', (transport) => {
  const forthData = DATA[transport](CLIENT, SERVICE);
  const backData = DATA[transport](SERVICE, CLIENT);

  test.each([3, 11, 12])('type %i from either end', async (type) => {
    using pair = await Pair.create();
    pair.establish(transport);
    expect(pair.back(icmpError(A, B, forthData, { type })).verdict).toBe('redirect');
    expect(pair.forth(icmpError(B, A, backData, { type })).verdict).toBe('redirect');
    expect(pair.back(icmpError(A, B, forthData, { type, cut: 28 })).verdict).toBe('redirect');
  });

  test('an error changes nothing about the connection', async () => {
    using pair = await Pair.create();
    pair.establish(transport);
    const before = await pair.entry();
    pair.back(icmpError(A, B, forthData));
    expect(await pair.entry()).toEqual(before);
  });

  test.each<[string, TransportSpec]>([
    ['wrong source port', icmpError(A, B, DATA[transport](CLIENT + 1, SERVICE))],
    ['wrong destination port', icmpError(A, B, DATA[transport](CLIENT, SERVICE + 1))],
    ['wrong protocol', icmpError(A, B, transport === 'UDP' ? tcp(CLIENT, SERVICE, 'ACK') : udp(CLIENT, SERVICE))],
    ['a packet that the sender did not receive', icmpError(A, WORLD, forthData)],
    ['a packet of somebody else', icmpError(WORLD, B, forthData)],
    ['the sender’s own packet', icmpError(B, A, backData)],
    ['a later fragment', icmpError(A, B, forthData, { ip: { fragmentOffset: 64 } })],
    ['a packet with IP options', icmpError(A, B, forthData, { ip: { options: new Uint8Array(4) } })],
    ['an unknown protocol', icmpError(A, B, forthData, { ip: { protocol: 47 } })],
  ])('forged: %s', async (_name, error) => {
    using pair = await Pair.create();
    pair.establish(transport);
    expect(pair.back(error).verdict).toBe('icmp-unrelated');
  });

  test('about a connection that is no longer allowed', async () => {
    using pair = await Pair.create();
    pair.establish(transport);
    await pair.open(pair.b, [OPEN.egress]);
    expect(pair.back(icmpError(A, B, forthData)).verdict).toBe('revoked');
  });

  test('from a router about a connection with the world', async () => {
    using pair = await Pair.create({ config: { enableMasquerade: false } });
    const opening =
      transport === 'TCP' ? tcp(CLIENT, SERVICE, 'SYN') : transport === 'SCTP' ? sctp(CLIENT, SERVICE) : forthData;
    pair.send(pair.a, fromPod(pair.a, WORLD, opening));
    const error = icmpError(A, WORLD, opening, { type: 11, code: 0 });
    expect(pair.arrive(fromWorld(ROUTER, A, error)).verdict).toBe('redirect');
    expect(pair.receive(pair.a, toPod(pair.a, NODE, error)).verdict).toBe('pass');
    expect(pair.arrive(fromWorld(ROUTER, B, error)).verdict).toBe('icmp-unrelated');
  });
});

test('an error goes to whom it is about, and to nobody else', async () => {
  using pair = await Pair.unrestricted();
  const third = pair.pod({ id: 9, addr: addr('10.244.1.12'), identity: 309 });
  await pair.open(third);
  pair.send(third, fromPod(third, B, udp(5, 6)));
  expect(pair.back(icmpError(third.addr, B, udp(5, 6))).verdict).toBe('icmp-unrelated');
  expect(pair.send(pair.b, fromPod(pair.b, third.addr, icmpError(third.addr, B, udp(5, 6)))).verdict).toBe('redirect');
});

test('errors about an echo request', async () => {
  using pair = await Pair.unrestricted();
  pair.forth(ping(7));
  const delivered = pair.back(icmpError(A, B, ping(7)));
  expect(delivered.verdict).toBe('redirect');
  expect(parsePacket(delivered.packet).transport).toMatchObject({ icmp: { type: 3 }, checksumOk: true });
  expect(pair.back(icmpError(A, B, ping(8))).verdict).toBe('icmp-unrelated');
});
