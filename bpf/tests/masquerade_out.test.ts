import { describe, expect, test } from 'vitest';
import { type Addr, type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { addr, fragmentsOf, fromPod, icmpError, ping, sctp, tcp, udp } from './frames.ts';
import { EVERYTHING, GATEWAY_MAC, Lab, type LabPod, NODE, OPEN, OTHER_NODE, SNAT_PORTS, WORLD } from './lab.ts';
import { A, B } from './pair.ts';

const POD_PORT = 5000;
const OTHER_WORLD = addr('203.0.113.9');
const CHECKSUM_AT = 14 + 20 + 6;

async function scene() {
  const lab = new Lab();
  const a = lab.pod({ id: 1, addr: A, identity: 300 });
  const b = lab.pod({ id: 2, addr: B, identity: 301 });
  await lab.open(a);
  await lab.open(b);
  return { lab, a, b, [Symbol.dispose]: () => lab[Symbol.dispose]() };
}

/** What a connection that never came to be leaves behind, found by the collector a while later. */
async function forgetAll(lab: Lab): Promise<void> {
  await lab.forgetConnections();
  for (const [key, row] of await lab.datapath.snat.entries()) lab.datapath.snat.set(key, { ...row, made: 0 });
  lab.datapath.collect();
}

const inRange = (port: number): boolean => port >= SNAT_PORTS.min && port <= SNAT_PORTS.max;

function out(lab: Lab, pod: LabPod, transport: TransportSpec, to: Addr = WORLD) {
  const outcome = lab.send(pod, fromPod(pod, to, transport));
  return { ...outcome, seen: parsePacket(outcome.packet) };
}

describe('towards the world a pod has the node’s address', () => {
  test.each<[string, TransportSpec]>([
    ['TCP', tcp(POD_PORT, 443, 'SYN')],
    ['UDP', udp(POD_PORT, 53)],
    ['UDP of an odd length', udp(POD_PORT, 53, new Uint8Array(13).fill(0xff))],
    ['SCTP', sctp(POD_PORT, 9)],
  ])('%s', async (_name, transport) => {
    using it = await scene();
    const { verdict, seen, events } = out(it.lab, it.a, transport);
    expect(verdict).toBe('redirect');
    expect(seen.ip).toMatchObject({ source: NODE, destination: WORLD, ttl: 63, checksumOk: true });
    expect(seen.transport?.checksumOk).toBe(true);
    const [, entry] = await it.lab.entry();
    expect(seen.transport?.sourcePort).toBe(entry.natPort);
    expect(inRange(entry.natPort)).toBe(true);
    expect(events[0]).toMatchObject({ type: 'open', source: A, sourcePort: POD_PORT, destination: WORLD });
  });

  test('ICMP echo, by its id', async () => {
    using it = await scene();
    const { verdict, seen } = out(it.lab, it.a, ping(POD_PORT));
    expect(verdict).toBe('redirect');
    expect(seen.ip).toMatchObject({ source: NODE, checksumOk: true });
    expect(seen.transport).toMatchObject({ checksumOk: true, icmp: { type: 8 } });
    expect(inRange(seen.transport?.icmp?.id ?? 0)).toBe(true);
  });

  test('UDP without a checksum stays without one', async () => {
    using it = await scene();
    const frame = fromPod(it.a, WORLD, udp(POD_PORT, 53));
    frame.fill(0, CHECKSUM_AT, CHECKSUM_AT + 2);
    const { packet } = it.lab.send(it.a, frame);
    expect(packet.subarray(CHECKSUM_AT, CHECKSUM_AT + 2)).toEqual(Uint8Array.of(0, 0));
    expect(parsePacket(packet).ip).toMatchObject({ source: NODE, checksumOk: true });
  });

  test('every datagram keeps a right checksum, whatever is in it', async () => {
    using it = await scene();
    for (let round = 0; round < 300; round += 1) {
      const payload = crypto.getRandomValues(new Uint8Array(round % 40));
      const { seen } = out(it.lab, it.a, udp(POD_PORT, 53, payload));
      expect([seen.ip?.checksumOk, seen.transport?.checksumOk], Buffer.from(payload).toString('hex')).toEqual([
        true,
        true,
      ]);
    }
  });

  test('both fragments of a datagram', async () => {
    using it = await scene();
    const payload = new Uint8Array(64).fill(3);
    const [head, tail] = fragmentsOf(A, WORLD, udp(POD_PORT, 53, payload), 24);
    const first = it.lab.send(it.a, fromPod(it.a, WORLD, head, { ip: { id: 5, moreFragments: true } }));
    const rest = it.lab.send(it.a, fromPod(it.a, WORLD, tail, { ip: { id: 5, fragmentOffset: 24 } }));
    expect([first.verdict, rest.verdict]).toEqual(['redirect', 'redirect']);
    for (const { packet } of [first, rest]) {
      expect(parsePacket(packet).ip).toMatchObject({ source: NODE, destination: WORLD, checksumOk: true });
    }
    expect(rest.packet.subarray(34)).toEqual(fromPod(it.a, WORLD, tail).subarray(34));
    // Put together again they are a datagram with a right checksum.
    const [, entry] = await it.lab.entry();
    const whole = Uint8Array.from([...first.packet.subarray(0, 58), ...rest.packet.subarray(34)]);
    whole.set(fromPod(it.a, WORLD, udp(POD_PORT, 53, payload), { ip: { source: NODE } }).subarray(14, 34), 14);
    expect(parsePacket(whole).transport).toMatchObject({ sourcePort: entry.natPort, checksumOk: true });
  });
});

test('other nodes see the node’s address too; local pods and the node see the pod’s', async () => {
  using it = await scene();
  expect(out(it.lab, it.a, udp(1, 2), OTHER_NODE).seen.ip?.source).toBe(NODE);
  expect(out(it.lab, it.a, udp(1, 2), B).seen.ip?.source).toBe(A);
  const toNode = out(it.lab, it.a, udp(1, 2), NODE);
  expect([toNode.verdict, toNode.seen.ip?.source]).toEqual(['pass', A]);
});

test('a connection keeps its port', async () => {
  using it = await scene();
  const ports = Array.from({ length: 20 }, () => out(it.lab, it.a, udp(POD_PORT, 53)).seen.transport?.sourcePort);
  expect(new Set(ports).size).toBe(1);
});

describe('ports', () => {
  const capacity = SNAT_PORTS.max - SNAT_PORTS.min + 1;

  test('two pods with the same port to the same place get different ones', async () => {
    using it = await scene();
    const ports = [it.a, it.b].map((pod) => out(it.lab, pod, udp(POD_PORT, 53)).seen.transport?.sourcePort);
    expect(new Set(ports).size).toBe(2);
  });

  test('all of the range are used before it is exhausted, for each remote end and protocol', async () => {
    using it = await scene();
    const take = (transport: (port: number) => TransportSpec, to: Addr) =>
      Array.from({ length: capacity + 1 }, (_, index) => out(it.lab, it.a, transport(index + 1), to).verdict);
    const expected = [...Array(capacity).fill('redirect'), 'nat-exhausted'];
    expect(take((port) => udp(port, 53), WORLD)).toEqual(expected);
    expect(take((port) => udp(port, 54), WORLD)).toEqual(expected);
    expect(take((port) => udp(port, 53), OTHER_WORLD)).toEqual(expected);
    expect(take((port) => tcp(port, 53, 'SYN'), WORLD)).toEqual(expected);
    expect(take(ping, WORLD)).toEqual(expected);
  });

  test.each<[string, (lab: Lab, a: LabPod) => Promise<void> | void]>([
    ['has run out', (lab) => lab.expire()],
    ['was closed by the collector', (lab) => lab.expire().then(() => void lab.datapath.collect())],
    ['was forgotten', (lab) => forgetAll(lab)],
  ])('one whose connection %s is free again', async (_name, end) => {
    using it = await scene();
    for (let port = 1; port <= capacity; port += 1) out(it.lab, it.a, udp(port, 53));
    expect(out(it.lab, it.b, udp(1, 53)).verdict).toBe('nat-exhausted');
    await end(it.lab, it.a);
    expect(out(it.lab, it.b, udp(1, 53)).verdict).toBe('redirect');
  });

  test('an exhausted range costs no connection', async () => {
    using it = await scene();
    for (let port = 1; port <= capacity + 5; port += 1) out(it.lab, it.a, udp(port, 53));
    expect(await it.lab.datapath.connections()).toHaveLength(capacity);
  });
});

test('without masquerading the stack routes the pod’s own address', async () => {
  using lab = new Lab({ config: { enableMasquerade: false } });
  const a = lab.pod({ id: 1, addr: A, identity: 300 });
  await lab.open(a, EVERYTHING);
  for (let round = 0; round < 2; round += 1) {
    const { verdict, seen } = out(lab, a, udp(POD_PORT, 53));
    expect(verdict).toBe('pass');
    expect(seen.ip).toMatchObject({ source: A, ttl: 64 });
  }
});

describe('a packet to the world whose time to live ends here', () => {
  test.each<[string, TransportSpec]>([
    ['UDP', udp(POD_PORT, 33_434)],
    ['TCP', tcp(POD_PORT, 443, 'SYN')],
    ['an echo', ping(7)],
    ['a large one', udp(POD_PORT, 33_434, new Uint8Array(900))],
  ])('%s: the pod is told by the node, and nothing leaves', async (_name, transport) => {
    using it = await scene();
    const frame = fromPod(it.a, WORLD, transport, { ip: { ttl: 1 } });
    const outcome = it.lab.send(it.a, frame);
    expect(outcome.action).toBe('redirect');
    expect(outcome.events.map(({ type, reason }) => [type, reason])).toContainEqual(['drop', 'ttl-exceeded']);
    const told = parsePacket(outcome.packet);
    expect(told).toMatchObject({
      source: GATEWAY_MAC,
      destination: it.a.mac,
      ip: { source: NODE, destination: A, checksumOk: true },
      transport: { icmp: { type: 11, code: 0 }, checksumOk: true },
    });
    expect(told.transport?.payload).toEqual(frame.subarray(14, 14 + 28));
  });

  test('no error is answered by an error, and no other than the pod is told', async () => {
    using it = await scene();
    const quoted = icmpError(WORLD, A, udp(53, POD_PORT));
    out(it.lab, it.a, udp(POD_PORT, 53));
    expect(it.lab.send(it.a, fromPod(it.a, WORLD, quoted, { ip: { ttl: 1 } })).verdict).toBe('ttl-exceeded');
  });

  test('what policy forbids is not told of', async () => {
    using it = await scene();
    await it.lab.open(it.a, [OPEN.ingress]);
    const outcome = it.lab.send(it.a, fromPod(it.a, WORLD, udp(POD_PORT, 53), { ip: { ttl: 1 } }));
    expect(outcome.verdict).toBe('policy-egress');
  });
});
