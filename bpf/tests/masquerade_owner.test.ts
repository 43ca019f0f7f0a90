import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { monotonicTick } from '../../src/datapath/maps/conntrack-map.ts';
import { endpointId } from '../../src/model/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { addr, fromPod, fromWorld, numbered, tcp, udp } from './frames.ts';
import { EVERYTHING, Lab, type LabPod, NODE, type Outcome, quota, WORLD } from './lab.ts';
import { A, B } from './pair.ts';

const SERVER = 443;
const DNS = 53;
const RANGE = 8192;
/** Of which half is dealt out in blocks of 16, and a quarter of the rest is a pod's. */
const SHARE = 16 + RANGE / 2 / 4;

/** Pods of two tenants, and a range of ports as large as a test can fill. */
async function scene(ports = RANGE) {
  const lab = new Lab({
    config: { snatPortMin: 40_000, snatPortMax: 40_000 + ports - 1, ...quota(100_000) },
    sizes: { conntrack: 32_768, snat: 32_768 },
  });
  const a = lab.pod({ id: 1, addr: A, identity: 300 });
  const b = lab.pod({ id: 2, addr: B, identity: 301 });
  await lab.open(a, EVERYTHING);
  await lab.open(b, EVERYTHING);
  return { lab, a, b, [Symbol.dispose]: () => lab[Symbol.dispose]() };
}

/** What goes out; the port it has there. */
function out(lab: Lab, pod: LabPod, transport: ReturnType<typeof tcp>): number {
  const { verdict, packet } = lab.send(pod, fromPod(pod, WORLD, transport));
  if (verdict !== 'redirect') throw new Error(`dropped: ${verdict}`);
  return parsePacket(packet).transport?.sourcePort ?? 0;
}

const answer = (lab: Lab, port: number, ...flags: Parameters<typeof tcp>[2][]): Outcome =>
  lab.arrive(fromWorld(WORLD, NODE, tcp(SERVER, port, ...flags)));

const receiver = ({ verdict, packet }: Outcome): string =>
  verdict === 'redirect' ? (parsePacket(packet).ip?.destination ?? '') : verdict;

/** Takes a port of the machine; what gives it back. */
async function occupy(kind: 'udp' | 'tcp', port: number): Promise<() => Promise<void>> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (kind === 'udp') {
    const socket = createSocket('udp4').bind(port, resolve);
    await promise;
    return async () => await new Promise<void>((done) => void socket.close(done));
  }
  const server = createServer().listen(port, '0.0.0.0', resolve);
  await promise;
  return async () => await new Promise<void>((done) => void server.close(() => done()));
}

/** A pod's connection to the server, open on both sides. */
function connect(lab: Lab, pod: LabPod, source: number): number {
  const port = out(lab, pod, tcp(source, SERVER, 'SYN'));
  answer(lab, port, 'SYN', 'ACK');
  out(lab, pod, tcp(source, SERVER, 'ACK'));
  return port;
}

const expire = (lab: Lab, pod: LabPod): Promise<void> =>
  lab.expire((entry) => entry.endpoint.includes(endpointId(pod.id)));

describe('a port that a process of the node has', () => {
  test.each(['udp', 'tcp'] as const)('%s: leads nobody else out', async (kind) => {
    using it = await scene(4);
    const bound = 40_002;
    const close = await occupy(kind, bound);
    try {
      const speak = (source: number) =>
        it.lab.send(it.a, fromPod(it.a, WORLD, kind === 'udp' ? udp(source, SERVER) : tcp(source, SERVER, 'SYN')));
      const said = [1, 2, 3, 4].map(speak);
      const ports = said.slice(0, 3).map(({ packet }) => parsePacket(packet).transport?.sourcePort);
      expect(ports.toSorted((a = 0, b = 0) => a - b)).toEqual([40_000, 40_001, 40_003]);
      expect(said[3]?.verdict).toBe('nat-exhausted');
    } finally {
      await close();
    }
  });
});

describe('a port belongs to one connection', () => {
  test('that took it from one that had run out, before the collector came', async () => {
    using it = await scene(4);
    for (let source = 1; source <= 4; source += 1) connect(it.lab, it.a, source);
    await expire(it.lab, it.a);
    const port = connect(it.lab, it.b, 9);
    it.lab.datapath.collect();
    expect(receiver(answer(it.lab, port, 'ACK', 'PSH'))).toBe(B);
    // The three that are free now are enough for others; this one is not.
    const others = Array.from({ length: 3 }, (_, source) => connect(it.lab, it.a, source + 100));
    expect(others).not.toContain(port);
    expect(() => connect(it.lab, it.a, 200)).toThrow('nat-exhausted');
    expect(receiver(answer(it.lab, port, 'ACK', 'PSH'))).toBe(B);
  });

  test('whose mapping is gone: it takes the port again, if nobody else has it', async () => {
    using it = await scene(4);
    const port = connect(it.lab, it.b, 9);
    const [row] = await it.lab.datapath.snat.entries();
    if (row === undefined) throw new Error('no mapping');
    await it.lab.datapath.snat.deleteMany([row[0]]);
    expect(receiver(answer(it.lab, port, 'ACK', 'PSH'))).toBe('pass');
    expect(out(it.lab, it.b, tcp(9, SERVER, 'ACK'))).toBe(port);
    expect(receiver(answer(it.lab, port, 'ACK', 'PSH'))).toBe(B);
    // Another's by now: nothing of the one goes out or comes in by it.
    it.lab.datapath.snat.set(row[0], { ...row[1], pod: A, endpoint: endpointId(1), podPort: 77 });
    expect(it.lab.send(it.b, fromPod(it.b, WORLD, tcp(9, SERVER, 'ACK', 'PSH'))).verdict).toBe('nat-exhausted');
    expect(answer(it.lab, port, 'ACK', 'PSH').verdict).toBe('icmp-unrelated');
    // Or that of another of its own connections.
    it.lab.datapath.snat.set(row[0], { ...row[1], podPort: 77 });
    expect(it.lab.send(it.b, fromPod(it.b, WORLD, tcp(9, SERVER, 'ACK', 'PSH'))).verdict).toBe('nat-exhausted');
  });

  test('whose row is another’s by now goes without it', async () => {
    using it = await scene(4);
    connect(it.lab, it.b, 9);
    const [row] = await it.lab.datapath.snat.entries();
    if (row === undefined) throw new Error('no mapping');
    const others = { ...row[1], pod: A, endpoint: endpointId(1), podPort: 77, made: monotonicTick() + 60 };
    it.lab.datapath.snat.set(row[0], others);
    await expire(it.lab, it.b);
    expect(it.lab.datapath.collect().removed).toBe(1);
    expect(it.lab.datapath.snat.get(row[0])).toEqual(others);
  });

  test('that another CPU takes between the look for a free one and the taking stays that one’s', async () => {
    using it = await scene(1);
    connect(it.lab, it.b, 9);
    const [row] = await it.lab.datapath.snat.entries();
    if (row === undefined) throw new Error('no mapping');
    // The port is found to be free, since its entry has run out; its row is another connection's by now, and stays.
    await expire(it.lab, it.b);
    const others = { ...row[1], endpoint: endpointId(3) };
    it.lab.datapath.snat.set(row[0], others);
    expect(() => out(it.lab, it.a, tcp(5, SERVER, 'SYN'))).toThrow('nat-exhausted');
    expect(it.lab.datapath.snat.get(row[0])).toEqual(others);
  });

  test('and what comes to another one is not for its connection, whatever row is left there', async () => {
    using it = await scene(4);
    const port = connect(it.lab, it.b, 9);
    const [row] = await it.lab.datapath.snat.entries();
    if (row === undefined) throw new Error('no mapping');
    const other = port === 40_000 ? 40_001 : 40_000;
    it.lab.datapath.snat.set({ ...row[0], natPort: other }, row[1]);
    expect(answer(it.lab, other, 'ACK', 'PSH').verdict).toBe('icmp-unrelated');
    expect(receiver(answer(it.lab, port, 'ACK', 'PSH'))).toBe(B);
  });

  test('that is opened again and again, without taking another', async () => {
    using it = await scene(4);
    const ports = Array.from({ length: 20 }, () => {
      const port = out(it.lab, it.a, tcp(5, SERVER, 'SYN'));
      out(it.lab, it.a, tcp(5, SERVER, 'RST'));
      return port;
    });
    expect(new Set(ports).size).toBe(1);
    expect(await it.lab.datapath.snat.entries()).toHaveLength(1);
  });

  test('until its entry goes, whatever comes for another', async () => {
    using it = await scene(4);
    const port = connect(it.lab, it.b, 9);
    await expire(it.lab, it.b);
    expect(it.lab.datapath.collect().removed).toBe(1);
    expect(await it.lab.datapath.snat.entries()).toEqual([]);
    expect(receiver(answer(it.lab, port, 'ACK'))).toBe('pass');
  });

  test('and a row without one is nobody’s soon', async () => {
    using it = await scene(4);
    connect(it.lab, it.b, 9);
    const [row] = await it.lab.datapath.snat.entries();
    if (row === undefined) throw new Error('no mapping');
    const old = { ...row[1], made: monotonicTick() - 3 };
    for (const natPort of [40_000, 40_001]) it.lab.datapath.snat.set({ ...row[0], natPort }, old);
    it.lab.datapath.collect();
    expect((await it.lab.datapath.snat.entries()).map(([{ natPort }]) => natPort)).toEqual([row[0].natPort]);
    await it.lab.forgetConnections();
    it.lab.datapath.snat.set(row[0], old);
    it.lab.datapath.collect();
    expect(await it.lab.datapath.snat.entries()).toEqual([]);
  });

  test('and one that nothing is known of leaves under a port of its own, or not at all', async () => {
    using it = await scene(4);
    const reset = numbered(tcp(5, SERVER, 'RST', 'PSH'), 7);
    const { packet, events } = it.lab.send(it.a, fromPod(it.a, WORLD, reset));
    expect(parsePacket(packet).ip?.source).toBe(NODE);
    expect(events.map(({ type }) => type)).toEqual(['open']);
  });
});

describe('the next holder of a port', () => {
  test('hears nothing of the one before it', async () => {
    using it = await scene(1);
    const first = connect(it.lab, it.b, 9);
    await expire(it.lab, it.b);
    const port = out(it.lab, it.a, numbered(tcp(5, SERVER, 'SYN'), 1_000));
    expect(port).toBe(first);
    // The server has the former connection still: a challenge with its numbers, and its data.
    for (const flags of [['ACK'], ['ACK', 'PSH'], ['RST'], ['FIN', 'ACK']] as const) {
      const frame = fromWorld(WORLD, NODE, numbered(tcp(SERVER, port, ...flags), 777_777, 888_888));
      expect(it.lab.arrive(frame).verdict).toBe('tcp-window');
    }
  });

  test('gets another one with its next SYN', async () => {
    using it = await scene(2);
    const first = out(it.lab, it.a, numbered(tcp(5, SERVER, 'SYN'), 1_000));
    it.lab.arrive(fromWorld(WORLD, NODE, numbered(tcp(SERVER, first, 'ACK'), 777_777, 888_888)));
    const second = out(it.lab, it.a, numbered(tcp(5, SERVER, 'SYN'), 1_000));
    expect(second).not.toBe(first);
    const accepted = fromWorld(WORLD, NODE, numbered(tcp(SERVER, second, 'SYN', 'ACK'), 5, 1_001));
    expect(receiver(it.lab.arrive(accepted))).toBe(A);
    expect(await it.lab.datapath.snat.entries()).toHaveLength(1);
  });
});

describe('a pod that takes all it can', () => {
  test('of one destination has its share, and all others theirs', async () => {
    using it = await scene();
    const flood = (pod: LabPod): number => {
      let passed = 0;
      for (let source = 1; source <= 5000; source += 1)
        if (it.lab.send(pod, fromPod(pod, WORLD, udp(source, DNS))).verdict === 'redirect') passed += 1;
      return passed;
    };
    const taken = flood(it.a);
    // The search gives up when nearly all of its own is gone.
    expect(taken).toBeGreaterThan(SHARE * 0.9);
    expect(taken).toBeLessThanOrEqual(SHARE);
    for (let source = 1; source <= 500; source += 1)
      expect(it.lab.send(it.b, fromPod(it.b, WORLD, udp(source, DNS))).verdict).toBe('redirect');
    // Towards anybody else it has all of it again.
    expect(it.lab.send(it.a, fromPod(it.a, addr('203.0.113.9'), udp(1, DNS))).verdict).toBe('redirect');
  });
});

describe('who ends a connection', () => {
  const reset = (lab: Lab, port: number, sequence: number): Outcome =>
    lab.arrive(fromWorld(WORLD, NODE, numbered(tcp(SERVER, port, 'RST'), sequence)));
  const flags = async (lab: Lab): Promise<readonly string[]> => (await lab.datapath.connections())[0]?.flags ?? [];

  test('knows its numbers: a blind reset changes nothing', async () => {
    using it = await scene(4);
    const port = connect(it.lab, it.b, 9);
    for (const sequence of [0, 2 ** 31, 4_000_000, 2 ** 32 - 1]) reset(it.lab, port, sequence);
    it.lab.arrive(fromWorld(WORLD, NODE, numbered(tcp(SERVER, port, 'FIN', 'ACK'), 9_000_000)));
    expect(await flags(it.lab)).toEqual(['replied']);
    expect((await it.lab.entry())[1].timeout).toBe(8040);
    reset(it.lab, port, 1);
    expect(await flags(it.lab)).toEqual(['replied', 'closing']);
  });

  test('is not made to go on by whoever writes its server’s address', async () => {
    using it = await scene(4);
    const port = connect(it.lab, it.b, 9);
    out(it.lab, it.b, tcp(9, SERVER, 'RST'));
    expect(await flags(it.lab)).toEqual(['replied', 'closing']);
    it.lab.arrive(fromWorld(WORLD, NODE, numbered(tcp(SERVER, port, 'SYN', 'ACK'), 9_000_000)));
    it.lab.arrive(fromWorld(WORLD, NODE, numbered(tcp(SERVER, port, 'ACK'), 9_000_000)));
    expect(await flags(it.lab)).toEqual(['replied', 'closing']);
  });

  test('keeps up with what both have sent', async () => {
    using it = await scene(4);
    const port = connect(it.lab, it.b, 9);
    for (let sent = 1; sent < 2 ** 32; sent += 50_000_000) out(it.lab, it.b, numbered(tcp(9, SERVER, 'ACK'), 1, sent));
    reset(it.lab, port, 1);
    expect(await flags(it.lab)).toEqual(['replied']);
    out(it.lab, it.b, numbered(tcp(9, SERVER, 'ACK'), 1, 123_456));
    reset(it.lab, port, 123_456);
    expect(await flags(it.lab)).toEqual(['replied', 'closing']);
  });

  test('and a SYN under the name of a client does not end its connection', async () => {
    using it = await scene(4);
    const arrive = (transport: ReturnType<typeof tcp>) => it.lab.arrive(fromWorld(WORLD, B, transport)).verdict;
    arrive(tcp(5, 80, 'SYN'));
    it.lab.send(it.b, fromPod(it.b, WORLD, tcp(80, 5, 'SYN', 'ACK')));
    arrive(tcp(5, 80, 'ACK'));
    expect(arrive(numbered(tcp(5, 80, 'SYN'), 999_999_999))).toBe('redirect');
    expect((await it.lab.entry())[1].timeout).toBe(8040);
    arrive(numbered(tcp(5, 80, 'RST'), 999_999_999));
    expect(await flags(it.lab)).toEqual(['replied']);
    arrive(tcp(5, 80, 'RST'));
    expect(await flags(it.lab)).toEqual(['replied', 'closing']);
  });
});
