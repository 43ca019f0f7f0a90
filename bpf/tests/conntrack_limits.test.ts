import { describe, expect, test } from 'vitest';
import { monotonicTick } from '../../src/datapath/maps/conntrack-map.ts';
import { fromPod, fromWorld, ping, tcp, toPod, udp } from './frames.ts';
import { CLOSED, NODE, quota, WORLD } from './lab.ts';
import { B, Pair, SERVICE } from './pair.ts';

const QUOTA = 3;

async function limited(): Promise<Pair> {
  return await Pair.unrestricted({ config: quota(QUOTA) });
}

describe('the quota of an endpoint', () => {
  test('counts what it opened, not what it answers', async () => {
    using pair = await limited();
    for (let port = 1; port <= QUOTA; port += 1) expect(pair.forth(tcp(port, 80, 'SYN')).verdict).toBe('redirect');
    expect(pair.forth(tcp(9, 80, 'SYN')).verdict).toBe('ct-quota');
    // The other end has all of its own, and what is open goes on.
    for (let port = 1; port <= QUOTA; port += 1) expect(pair.back(udp(port, 80)).verdict).toBe('redirect');
    expect(pair.back(tcp(80, 1, 'SYN', 'ACK')).verdict).toBe('redirect');
    expect(pair.forth(tcp(1, 80, 'ACK')).verdict).toBe('redirect');
  });

  test('a connection that is opened again costs nothing more', async () => {
    using pair = await limited();
    for (let port = 1; port <= QUOTA; port += 1) pair.forth(tcp(port, 80, 'SYN'));
    for (let round = 0; round < 5; round += 1) {
      pair.back(tcp(80, 1, 'RST', 'ACK'));
      expect(pair.forth(tcp(1, 80, 'SYN')).verdict).toBe('redirect');
    }
    expect(pair.forth(tcp(10, 80, 'SYN')).verdict).toBe('ct-quota');
  });

  test('counts nothing below zero, where what it holds was counted wrong', async () => {
    using pair = await limited();
    pair.forth(tcp(1, 80, 'SYN'));
    pair.datapath.usage.set(pair.a.id, 0);
    // Takes the place of the other end's, which gives back what it never took.
    expect(pair.back(tcp(80, 1, 'SYN')).verdict).toBe('redirect');
    for (let port = 1; port <= QUOTA; port += 1) expect(pair.forth(udp(port, 80)).verdict).toBe('redirect');
    expect(pair.forth(udp(9, 80)).verdict).toBe('ct-quota');
  });

  test('what policy refuses costs nothing', async () => {
    using pair = await Pair.create({ config: quota(QUOTA) });
    for (let port = 1; port <= 10; port += 1) expect(pair.forth(udp(port, 81)).verdict).toBe('policy-ingress');
    expect(pair.forth(udp(1, SERVICE)).verdict).toBe('redirect');
  });

  test('the world has its own, and so has the node', async () => {
    using pair = await limited();
    const arrive = (port: number) => pair.arrive(fromWorld(WORLD, B, udp(port, 53))).verdict;
    const receive = (port: number) => pair.receive(pair.b, toPod(pair.b, NODE, udp(port, 53))).verdict;
    expect([1, 2, 3, 4].map(arrive)).toEqual(['redirect', 'redirect', 'redirect', 'ct-quota']);
    expect([1, 2, 3, 4].map(receive)).toEqual(['pass', 'pass', 'pass', 'ct-quota']);
    expect(pair.back(udp(1, 2)).verdict).toBe('redirect');
  });
});

describe('what has ended', () => {
  const ENDS = {
    'a reset': (pair: Pair, port: number) => pair.back(tcp(80, port, 'RST', 'ACK')),
    'FIN of both': (pair: Pair, port: number) => {
      pair.back(tcp(80, port, 'SYN', 'ACK'));
      pair.forth(tcp(port, 80, 'FIN', 'ACK'));
      return pair.back(tcp(80, port, 'FIN', 'ACK'));
    },
  } as const;
  const ends = Object.entries(ENDS).map(([name, end]) => ({ name, end }));
  const PORTS = Array.from({ length: 100 }, (_, index) => index + 1);
  const open = (pair: Pair, port: number) => pair.forth(tcp(port, 80, 'SYN')).verdict;

  test.each(ends)('costs nothing more: $name', async ({ end }) => {
    using pair = await limited();
    for (const port of PORTS) {
      expect([port, open(pair, port)]).toEqual([port, 'redirect']);
      end(pair, port);
    }
    for (let port = 1001; port <= 1000 + QUOTA; port += 1) expect(open(pair, port)).toBe('redirect');
    expect(open(pair, 2000)).toBe('ct-quota');
  });

  test.each(ends)('is remembered while there is room, and nothing else makes room for it: $name', async ({ end }) => {
    using pair = await limited();
    expect(open(pair, 1000)).toBe('redirect');
    for (const port of PORTS) {
      open(pair, port);
      end(pair, port);
    }
    const there = (await pair.datapath.connections()).map(({ source }) => source.port);
    expect(there.toSorted((a, b) => a - b)).toEqual([...PORTS.slice(-CLOSED), 1000]);
  });

  test.each(ends)('costs again what it is opened again, once: $name', async ({ end }) => {
    using pair = await limited();
    for (let round = 0; round < 20; round += 1) {
      expect(open(pair, 1)).toBe('redirect');
      end(pair, 1);
    }
    for (let port = 1; port <= QUOTA; port += 1) expect(open(pair, port)).toBe('redirect');
    expect(open(pair, 9)).toBe('ct-quota');
  });

  test('costs again when it goes on all the same, or stays what it was', async () => {
    using pair = await limited();
    for (let port = 1; port <= QUOTA; port += 1) {
      open(pair, port);
      pair.back(tcp(80, port, 'RST', 'ACK'));
      pair.back(tcp(80, port, 'SYN', 'ACK'));
    }
    expect(open(pair, 9)).toBe('ct-quota');
    pair.back(tcp(80, 1, 'RST', 'ACK'));
    expect(open(pair, 9)).toBe('redirect');
    // Nothing is left for it: it passes, as one of those that have ended.
    expect(pair.forth(tcp(1, 80, 'ACK')).verdict).toBe('redirect');
    expect(open(pair, 10)).toBe('ct-quota');
    const closing = (await pair.datapath.connections()).filter(({ flags }) => flags.includes('closing'));
    expect(closing.map(({ source }) => source.port)).toEqual([1]);
  });

  test('is no part of the census', async () => {
    using pair = await limited();
    for (const port of PORTS) {
      open(pair, port);
      ENDS['FIN of both'](pair, port);
    }
    open(pair, 1000);
    pair.datapath.usage.set(pair.a.id, 99);
    pair.datapath.collect(quota(QUOTA));
    expect(pair.datapath.usage.get(pair.a.id)).toBe(1);
    await pair.expire((entry) => entry.timeout <= 10);
    expect(pair.datapath.collect(quota(QUOTA)).removed).toBe(CLOSED);
    expect(pair.datapath.usage.get(pair.a.id)).toBe(1);
  });
});

describe('what is common', () => {
  const LIMITS = { ...quota(10), ctGuaranteed: 2, ctCommon: 4 };

  test('is for who comes first, what is guaranteed for everybody', async () => {
    using pair = await Pair.unrestricted({ config: LIMITS });
    const forth = Array.from({ length: 10 }, (_, port) => pair.forth(udp(port + 1, 53)).verdict);
    expect(forth.filter((verdict) => verdict === 'redirect')).toHaveLength(6);
    const back = Array.from({ length: 4 }, (_, port) => pair.back(udp(port + 100, 54)).verdict);
    expect(back).toEqual(['redirect', 'redirect', 'ct-quota', 'ct-quota']);
  });

  test('loses what a pod that is gone has left behind, until that is gone', async () => {
    using pair = await Pair.unrestricted({ config: LIMITS });
    for (let port = 1; port <= 2; port += 1) pair.forth(udp(port, 53));
    pair.remove(pair.a);
    pair.datapath.collect(LIMITS);
    const back = Array.from(
      { length: 5 },
      (_, port) => pair.send(pair.b, fromPod(pair.b, NODE, udp(port + 100, 54))).verdict,
    );
    expect(back).toEqual(['pass', 'pass', 'pass', 'pass', 'ct-quota']);
  });
});

describe('a flood from the world', () => {
  const LIMITS = { ...quota(64), ctOpenings: 8 };
  const syn = (pair: Pair, port: number) => pair.arrive(fromWorld(WORLD, B, tcp(port, 80, 'SYN'))).verdict;

  test('of SYNs, answered or not, pushes out what is half open, and nothing else', async () => {
    using pair = await Pair.unrestricted({ config: LIMITS });
    expect(syn(pair, 1)).toBe('redirect');
    pair.send(pair.b, fromPod(pair.b, WORLD, tcp(80, 1, 'SYN', 'ACK')));
    pair.arrive(fromWorld(WORLD, B, tcp(1, 80, 'ACK')));
    for (let port = 2; port <= 200; port += 1) {
      expect(syn(pair, port)).toBe('redirect');
      pair.send(pair.b, fromPod(pair.b, WORLD, tcp(80, port, 'SYN', 'ACK')));
    }
    expect(await pair.datapath.connections()).toHaveLength(9);
    expect(pair.arrive(fromWorld(WORLD, B, tcp(1, 80, 'ACK', 'PSH'))).verdict).toBe('redirect');
    expect(pair.receive(pair.b, toPod(pair.b, NODE, tcp(9, 80, 'SYN'))).verdict).toBe('pass');
  });

  test('ends nothing of a pod that opens under the ports of what was half open', async () => {
    using pair = await Pair.unrestricted({ config: LIMITS });
    expect(syn(pair, 1)).toBe('redirect');
    const opens = () => pair.send(pair.b, fromPod(pair.b, WORLD, tcp(80, 1, 'SYN'))).verdict;
    expect(opens()).toBe('redirect');
    const own = async () => (await pair.datapath.connections()).filter(({ source }) => source.addr === B);
    expect(await own()).toHaveLength(1);
    for (let port = 2; port <= 200; port += 1) expect(syn(pair, port)).toBe('redirect');
    expect(await own()).toHaveLength(1);
  });
});

describe('the collector', () => {
  test('removes what has run out, and keeps the rest', async () => {
    using pair = await Pair.unrestricted();
    pair.forth(udp(1, 2));
    pair.forth(udp(3, 4));
    await pair.expire((_entry, key) => key.port.includes(2));
    expect(pair.datapath.collect()).toEqual({ scanned: 2, removed: 1 });
    expect((await pair.entry())[0].port).toEqual([3, 4]);
  });

  test('keeps the trace of a pod that is gone for two minutes', async () => {
    using pair = await Pair.create();
    pair.establish('TCP');
    pair.remove(pair.a);
    expect(pair.datapath.collect().removed).toBe(0);
    const [key, entry] = await pair.entry();
    const lastSeen = (ticks: number) => monotonicTick() - ticks + entry.timeout;
    pair.datapath.conntrack.set(key, { ...entry, expires: lastSeen(118) });
    expect(pair.datapath.collect().removed).toBe(0);
    pair.datapath.conntrack.set(key, { ...entry, expires: lastSeen(121) });
    expect(pair.datapath.collect().removed).toBe(1);
  });

  test('counts the quota anew', async () => {
    using pair = await limited();
    for (let port = 1; port <= QUOTA; port += 1) pair.forth(udp(port, 80));
    await pair.expire();
    expect(pair.forth(udp(9, 80)).verdict).toBe('ct-quota');
    pair.datapath.collect(quota(QUOTA));
    for (let port = 1; port <= QUOTA; port += 1) expect(pair.forth(udp(port, 80)).verdict).toBe('redirect');
    expect(pair.forth(udp(9, 80)).verdict).toBe('ct-quota');
    // What was counted and is still there stays counted.
    pair.datapath.collect(quota(QUOTA));
    expect(pair.forth(udp(9, 80)).verdict).toBe('ct-quota');
  });

  test('gives the port of a masqueraded connection back', async () => {
    using pair = await Pair.unrestricted();
    for (const transport of [udp(1, 53), ping(7), tcp(5, 80, 'SYN')]) {
      pair.send(pair.a, fromPod(pair.a, WORLD, transport));
      const port = (await pair.entry())[1].natPort;
      expect(port).toBeGreaterThan(0);
      await pair.expire();
      pair.datapath.collect({ enableMasquerade: true });
      // Nothing of it is left: an answer is the node's own business again.
      expect(pair.arrive(fromWorld(WORLD, NODE, udp(53, port))).verdict).toBe('pass');
      expect(pair.arrive(fromWorld(WORLD, NODE, tcp(80, port, 'ACK'))).verdict).toBe('pass');
    }
  });

  test('finds nothing to do in an empty table', async () => {
    using pair = await Pair.create();
    expect(pair.datapath.collect()).toEqual({ scanned: 0, removed: 0 });
  });
});

test('a full table lets nothing new in, and loses nothing', async () => {
  using pair = await Pair.unrestricted({ sizes: { conntrack: 256 } });
  pair.forth(tcp(1, 80, 'SYN'));
  pair.back(tcp(80, 1, 'SYN', 'ACK'));
  const verdicts = Array.from({ length: 1000 }, (_, port) => pair.forth(udp(port + 1, 53)).verdict);
  expect(verdicts.filter((verdict) => verdict === 'redirect')).toHaveLength(255);
  expect(verdicts.at(-1)).toBe('ct-full');
  expect(pair.back(tcp(80, 1, 'ACK')).verdict).toBe('redirect');
});
