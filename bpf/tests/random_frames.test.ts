import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { macBytes, type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { addr, fragmentsOf, fromPod, fromWorld, icmp, icmpError, ping, pong, sctp, tcp, toPod, udp } from './frames.ts';
import { GATEWAY, NODE, OTHER_NODE, REMOTE_POD, WORLD } from './lab.ts';
import { A, B, Pair } from './pair.ts';

const RUNS = 4000;

let pair: Pair;
beforeAll(async () => {
  // Policy lets everything through: what keeps a packet from passing is its shape and its sender alone.
  pair = await Pair.unrestricted({ sizes: { conntrack: 1024 } });
});
afterAll(() => pair[Symbol.dispose]());

const SPEECHES: readonly TransportSpec[] = [
  tcp(40_000, 8080, 'SYN'),
  tcp(8080, 40_000, 'SYN', 'ACK'),
  tcp(40_000, 8080, 'ACK', 'PSH'),
  tcp(40_000, 8080, 'FIN', 'ACK'),
  udp(5000, 53),
  udp(53, 5000),
  sctp(1, 2),
  ping(7),
  pong(7),
  icmp(5),
  icmpError(B, A, udp(53, 5000)),
  icmpError(A, B, udp(5000, 53)),
  ...fragmentsOf(A, B, udp(5000, 53, new Uint8Array(64)), 24),
];

/** The kernel's test run refuses frames that have no room for the header that their type announces. */
function runnable(frame: Uint8Array): boolean {
  const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  return frame.length >= 14 && !(type === 0x0800 && frame.length < 34) && !(type === 0x86dd && frame.length < 54);
}

type Mutation = { readonly at: number; readonly value: number };

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.oneof({ weight: 3, arbitrary: fc.nat(41) }, { weight: 1, arbitrary: fc.nat(120) }),
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 8, 0x45, 0x46, 10, 127, 172, 224, 244, 255)),
});

function mutated(frames: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc
    .record({
      frame: fc.constantFrom(...frames),
      mutations: fc.array(mutation, { maxLength: 4 }),
      length: fc.option(fc.nat(140), { freq: 6 }),
    })
    .map(({ frame, mutations, length }) => {
      const copy = Uint8Array.from(frame).subarray(0, length ?? frame.length);
      for (const { at, value } of mutations) if (at < copy.length) copy[at] = value;
      return copy;
    })
    .filter(runnable);
}

const noise = fc.uint8Array({ minLength: 14, maxLength: 200 }).filter(runnable);

/** Noise behind a right Ethernet header and, mostly, a right IPv4 header. */
function dressed(frame: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc
    .record({ tail: fc.uint8Array({ maxLength: 100 }), keep: fc.constantFrom(14, 24, 34), protocol: fc.nat(255) })
    .map(({ tail, keep, protocol }) => {
      const whole = Uint8Array.from([...frame.subarray(0, keep), ...tail]);
      if (keep === 34) {
        whole[23] = protocol;
        new DataView(whole.buffer).setUint16(16, whole.length - 14);
      }
      return whole;
    })
    .filter(runnable);
}

const has = (frame: Uint8Array, at: number, bytes: Iterable<number>): boolean =>
  [...bytes].every((byte, index) => frame[at + index] === byte);

const bytesOf = (text: string): number[] => text.split('.').map(Number);

test('nothing leaves a pod under another’s name', () => {
  const targets = [B, NODE, WORLD, OTHER_NODE, REMOTE_POD, GATEWAY, A];
  const frames = targets.flatMap((to) => SPEECHES.map((transport) => fromPod(pair.a, to, transport)));
  const [sample = new Uint8Array()] = frames;
  let passed = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 6, arbitrary: mutated(frames) }, noise, dressed(sample)), (frame) => {
      const { action, verdict } = pair.send(pair.a, frame);
      expect(['pass', 'redirect', 'drop']).toContain(action);
      expect(verdict).not.toBe('internal');
      if (action === 'drop') return;
      passed += 1;
      expect(has(frame, 6, macBytes(pair.a.mac))).toBe(true);
      const type = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
      expect([0x0800, 0x0806]).toContain(type);
      if (type === 0x0800) {
        expect(has(frame, 26, bytesOf(A))).toBe(true);
        expect(frame[14]).toBe(0x45);
        expect([0, 127, ...Array.from({ length: 32 }, (_, index) => 224 + index)]).not.toContain(frame[30]);
      } else {
        expect(has(frame, 38, bytesOf(GATEWAY))).toBe(true);
      }
    }),
    { numRuns: RUNS },
  );
  expect(passed).toBeGreaterThan(RUNS / 20);
});

test('nothing reaches a pod that is not for it, or pretends to be from a pod', () => {
  const sources = [NODE, WORLD, OTHER_NODE, REMOTE_POD, A, addr('127.0.0.1')];
  const frames = sources.flatMap((from) => SPEECHES.map((transport) => toPod(pair.b, from, transport)));
  const [sample = new Uint8Array()] = frames;
  let passed = 0;
  fc.assert(
    fc.property(
      fc.oneof({ weight: 6, arbitrary: mutated(frames) }, noise, dressed(sample)),
      fc.boolean(),
      (frame, forwarded) => {
        const { action, verdict } = pair.receive(pair.b, frame, forwarded);
        expect(verdict).not.toBe('internal');
        if (action === 'drop') return;
        passed += 1;
        expect(action).toBe('pass');
        expect(has(frame, 30, bytesOf(B))).toBe(true);
        for (const pod of [A, B]) expect(has(frame, 26, bytesOf(pod))).toBe(false);
        if (forwarded) expect(has(frame, 26, bytesOf(NODE))).toBe(false);
      },
    ),
    { numRuns: RUNS },
  );
  expect(passed).toBeGreaterThan(RUNS / 20);
});

test('what a device of the node delivers to a pod is for the pod and from outside', () => {
  const frames = [WORLD, OTHER_NODE, REMOTE_POD, A, NODE].flatMap((from) =>
    SPEECHES.flatMap((transport) => [A, B, NODE].map((to) => fromWorld(from, to, transport))),
  );
  const [sample = new Uint8Array()] = frames;
  let delivered = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 6, arbitrary: mutated(frames) }, noise, dressed(sample)), (frame) => {
      const { action, packet, verdict } = pair.arrive(frame);
      expect(verdict).not.toBe('internal');
      if (action !== 'redirect') return;
      delivered += 1;
      const seen = parsePacket(packet);
      expect([A, B]).toContain(seen.ip?.destination);
      expect([A, B, NODE, REMOTE_POD]).not.toContain(seen.ip?.source);
    }),
    { numRuns: RUNS },
  );
  expect(delivered).toBeGreaterThan(RUNS / 20);
});
