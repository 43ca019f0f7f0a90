import { describe, expect, test } from 'vitest';
import { type Addr, type TransportSpec } from '../../src/net/index.ts';
import { parseDatagram, parsePacket } from '../../src/net/testkit.ts';
import { addr, fragmentsOf, fromPod, fromWorld, icmpError, ping, pong, sctp, tcp, udp } from './frames.ts';
import { allow, deny, GATEWAY_MAC, Lab, type LabPod, NODE, OPEN, type Outcome, WORLD } from './lab.ts';
import { A } from './pair.ts';

const POD_PORT = 5000;
const SERVER = 53;
const ROUTER = addr('192.0.2.1');
const CHECKSUM_AT = 14 + 20 + 6;

/** A pod that nobody may call. */
async function scene() {
  const lab = new Lab();
  const a = lab.pod({ id: 1, addr: A, identity: 300 });
  await lab.open(a, [OPEN.egress]);
  return { lab, a, [Symbol.dispose]: () => lab[Symbol.dispose]() };
}

/** Sends to the world; the port it went out with. */
async function opened(lab: Lab, pod: LabPod, transport: TransportSpec): Promise<number> {
  const { verdict } = lab.send(pod, fromPod(pod, WORLD, transport));
  if (verdict !== 'redirect') throw new Error(`could not open: ${verdict}`);
  return (await lab.entry())[1].natPort;
}

function parsed(outcome: Outcome) {
  return { verdict: outcome.verdict, seen: parsePacket(outcome.packet) };
}

type Exchange = readonly [string, TransportSpec, (port: number) => TransportSpec];
const EXCHANGES: readonly Exchange[] = [
  ['TCP', tcp(POD_PORT, SERVER, 'SYN'), (port) => tcp(SERVER, port, 'SYN', 'ACK')],
  ['UDP', udp(POD_PORT, SERVER), (port) => udp(SERVER, port)],
  ['SCTP', sctp(POD_PORT, SERVER), (port) => sctp(SERVER, port, 2)],
];

describe('answers come back to the pod', () => {
  test.each(EXCHANGES)('%s', async (_name, request, answer) => {
    using it = await scene();
    const port = await opened(it.lab, it.a, request);
    const { verdict, seen } = parsed(it.lab.arrive(fromWorld(WORLD, NODE, answer(port))));
    expect(verdict).toBe('redirect');
    expect(seen).toMatchObject({ source: GATEWAY_MAC, destination: it.a.mac });
    expect(seen.ip).toMatchObject({ source: WORLD, destination: A, checksumOk: true });
    expect(seen.transport).toMatchObject({ sourcePort: SERVER, destinationPort: POD_PORT, checksumOk: true });
  });

  test('ICMP echo', async () => {
    using it = await scene();
    const id = await opened(it.lab, it.a, ping(POD_PORT));
    const { verdict, seen } = parsed(it.lab.arrive(fromWorld(WORLD, NODE, pong(id))));
    expect(verdict).toBe('redirect');
    expect(seen.ip).toMatchObject({ destination: A, checksumOk: true });
    expect(seen.transport).toMatchObject({ checksumOk: true, icmp: { type: 0, id: POD_PORT } });
  });

  test('UDP without a checksum', async () => {
    using it = await scene();
    const port = await opened(it.lab, it.a, udp(POD_PORT, SERVER));
    const frame = fromWorld(WORLD, NODE, udp(SERVER, port));
    frame.fill(0, CHECKSUM_AT, CHECKSUM_AT + 2);
    const { packet, verdict } = it.lab.arrive(frame);
    expect(verdict).toBe('redirect');
    expect(packet.subarray(CHECKSUM_AT, CHECKSUM_AT + 2)).toEqual(Uint8Array.of(0, 0));
  });

  test('in fragments', async () => {
    using it = await scene();
    const port = await opened(it.lab, it.a, udp(POD_PORT, SERVER));
    const [head, tail] = fragmentsOf(WORLD, NODE, udp(SERVER, port, new Uint8Array(64)), 24);
    const frames = [
      fromWorld(WORLD, NODE, head, { ip: { id: 5, moreFragments: true } }),
      fromWorld(WORLD, NODE, tail, { ip: { id: 5, fragmentOffset: 24 } }),
    ];
    for (const frame of frames) {
      const { verdict, seen } = parsed(it.lab.arrive(frame));
      expect(verdict).toBe('redirect');
      expect(seen.ip).toMatchObject({ source: WORLD, destination: A, checksumOk: true });
    }
  });

  test('a whole TCP connection, and nothing after it', async () => {
    using it = await scene();
    const port = await opened(it.lab, it.a, tcp(POD_PORT, SERVER, 'SYN'));
    const back = (...flags: Parameters<typeof tcp>[2][]) =>
      it.lab.arrive(fromWorld(WORLD, NODE, tcp(SERVER, port, ...flags))).verdict;
    const forth = (...flags: Parameters<typeof tcp>[2][]) =>
      it.lab.send(it.a, fromPod(it.a, WORLD, tcp(POD_PORT, SERVER, ...flags))).verdict;
    const seen = [
      back('SYN', 'ACK'),
      forth('ACK'),
      forth('ACK', 'PSH'),
      back('ACK', 'PSH'),
      back('FIN', 'ACK'),
      forth('FIN', 'ACK'),
      back('ACK'),
    ];
    expect(seen).toEqual(Array(7).fill('redirect'));
    expect((await it.lab.datapath.connections())[0]?.flags).toContain('closing');
    await it.lab.expire();
    expect(back('ACK')).toBe('icmp-unrelated');
  });
});

describe('what is no answer is the node’s own business', () => {
  test.each<[string, (port: number) => TransportSpec, Addr]>([
    ['from another address', (port) => udp(SERVER, port), addr('198.51.100.8')],
    ['from another port', (port) => udp(SERVER + 1, port), WORLD],
    ['to another port', (port) => udp(SERVER, port + 1), WORLD],
    ['by another protocol', (port) => tcp(SERVER, port, 'ACK'), WORLD],
  ])('%s', async (_name, answer, from) => {
    using it = await scene();
    const port = await opened(it.lab, it.a, udp(POD_PORT, SERVER));
    const frame = fromWorld(from, NODE, answer(port));
    const { verdict, packet } = it.lab.arrive(frame);
    expect(verdict).toBe('pass');
    expect(packet).toEqual(frame);
  });

  test('an echo request with the id of a pod’s own', async () => {
    using it = await scene();
    const id = await opened(it.lab, it.a, ping(POD_PORT));
    const { verdict, seen } = parsed(it.lab.arrive(fromWorld(WORLD, NODE, ping(id))));
    expect([verdict, seen.ip?.destination]).toEqual(['pass', NODE]);
  });

  test('a new connection to the port of a pod’s own', async () => {
    using it = await scene();
    const port = await opened(it.lab, it.a, tcp(POD_PORT, SERVER, 'SYN'));
    const { verdict, seen } = parsed(it.lab.arrive(fromWorld(WORLD, NODE, tcp(SERVER, port, 'SYN'))));
    expect([verdict, seen.ip?.destination]).toEqual(['pass', NODE]);
  });

  test('packets and errors that have nothing to do with pods', async () => {
    using it = await scene();
    const packets = [
      tcp(5, 22, 'SYN'),
      ping(9),
      pong(9),
      icmpError(NODE, WORLD, udp(40_000, 123)),
      { kind: 'raw', protocol: 47, bytes: new Uint8Array(20) },
    ] as const;
    for (const transport of packets) expect(it.lab.arrive(fromWorld(WORLD, NODE, transport)).verdict).toBe('pass');
  });
});

describe.each([
  ['TCP', tcp(POD_PORT, SERVER, 'SYN'), (port: number) => tcp(port, SERVER, 'SYN')],
  ['UDP', udp(POD_PORT, SERVER), (port: number) => udp(port, SERVER)],
  ['ICMP', ping(POD_PORT), (id: number) => ping(id)],
] as const)('an error about a masqueraded %s packet', (name, request, quoted) => {
  test.each([
    ['the remote end', WORLD, 3],
    ['a router on the way', ROUTER, 11],
  ] as const)('from %s reaches the pod in its own words', async (_who, from, type) => {
    using it = await scene();
    const port = await opened(it.lab, it.a, request);
    const error = icmpError(NODE, WORLD, quoted(port), { type, code: 1 });
    const { verdict, seen } = parsed(it.lab.arrive(fromWorld(from, NODE, error)));
    expect(verdict).toBe('redirect');
    expect(seen.ip).toMatchObject({ source: from, destination: A, checksumOk: true });
    expect(seen.transport).toMatchObject({ checksumOk: true, icmp: { type, code: 1 } });
    const inside = parseDatagram(seen.transport?.payload ?? new Uint8Array());
    expect(inside.ip).toMatchObject({ source: A, destination: WORLD, checksumOk: true });
    if (name === 'ICMP') expect(inside.transport?.icmp?.id).toBe(POD_PORT);
    else expect(inside.transport).toMatchObject({ sourcePort: POD_PORT, destinationPort: SERVER });
  });

  test('with a wrong port is the node’s', async () => {
    using it = await scene();
    const port = await opened(it.lab, it.a, request);
    const error = icmpError(NODE, WORLD, quoted(port + 1));
    expect(it.lab.arrive(fromWorld(WORLD, NODE, error)).verdict).toBe('pass');
  });

  test('about a connection that is no longer allowed', async () => {
    using it = await scene();
    const port = await opened(it.lab, it.a, request);
    await it.lab.open(it.a, [allow('ingress', 9999), deny('egress', 0)]);
    expect(it.lab.arrive(fromWorld(WORLD, NODE, icmpError(NODE, WORLD, quoted(port)))).verdict).toBe('revoked');
  });
});

test('without masquerading everything to the node is the node’s', async () => {
  using lab = new Lab({ config: { enableMasquerade: false } });
  expect(lab.arrive(fromWorld(WORLD, NODE, udp(SERVER, 61_000))).verdict).toBe('pass');
});
