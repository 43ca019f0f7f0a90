import { describe, expect, test } from 'vitest';
import { type Addr, type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import {
  type FrameOptions,
  fragmentsOf,
  fromPod,
  fromWorld,
  icmp,
  icmpError,
  sctp,
  tcp,
  toPod,
  udp,
} from './frames.ts';
import { allow, deny, EVERYTHING, type LabPod, NODE, OPEN, type Outcome, quota, WORLD } from './lab.ts';
import { A, B, CLIENT, ICMP, Pair, SERVICE } from './pair.ts';

const PAYLOAD = new Uint8Array(64).fill(9);
const CUT = 24;

const first = (id: number): FrameOptions => ({ ip: { id, moreFragments: true } });
const later = (id: number, fragmentOffset = CUT, moreFragments = false): FrameOptions => ({
  ip: { id, fragmentOffset, moreFragments },
});

/** A datagram in two fragments, sent by a pod in the given order. */
function inFragments(
  pair: Pair,
  pod: LabPod,
  to: Addr,
  transport: TransportSpec,
  options: { readonly id?: number; readonly reversed?: boolean } = {},
): Outcome[] {
  const id = options.id ?? 5;
  const [head, tail] = fragmentsOf(pod.addr, to, transport, CUT);
  const frames = [fromPod(pod, to, head, first(id)), fromPod(pod, to, tail, later(id))];
  return (options.reversed ? frames.toReversed() : frames).map((frame) => pair.send(pod, frame));
}

const verdicts = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ verdict }) => verdict);

test.each([
  ['UDP', udp(CLIENT, SERVICE, PAYLOAD)],
  ['TCP', tcp(CLIENT, SERVICE, 'SYN', 'PSH')],
  ['SCTP', sctp(CLIENT, SERVICE)],
] as const)('%s: both fragments of an allowed datagram pass, and make one connection', async (_name, transport) => {
  using pair = await Pair.create();
  const outcomes = inFragments(pair, pair.a, B, transport);
  expect(verdicts(outcomes)).toEqual(['redirect', 'redirect']);
  expect(outcomes.map(({ events }) => events.length)).toEqual([1, 0]);
  expect((await pair.entry())[0].port).toEqual([CLIENT, SERVICE]);
});

test('both fragments of a forbidden datagram are dropped', async () => {
  using pair = await Pair.create();
  expect(verdicts(inFragments(pair, pair.a, B, udp(CLIENT, 81, PAYLOAD)))).toEqual([
    'policy-ingress',
    'policy-ingress',
  ]);
});

test('in the wrong order only what can be judged passes', async () => {
  using pair = await Pair.create();
  const outcomes = inFragments(pair, pair.a, B, udp(CLIENT, SERVICE, PAYLOAD), { reversed: true });
  expect(verdicts(outcomes)).toEqual(['fragment-unknown', 'redirect']);
});

test('of a datagram whose beginning did not get through, the rest is what it is, not a connection', async () => {
  using pair = await Pair.create({ config: quota(1) });
  pair.send(pair.a, fromPod(pair.a, B, udp(CLIENT + 1, SERVICE)));
  const outcomes = inFragments(pair, pair.a, B, udp(CLIENT, SERVICE, PAYLOAD));
  expect(verdicts(outcomes)).toEqual(['ct-quota', 'fragment-unknown']);
});

test('a fragment belongs to its datagram’s id, ends and protocol only', async () => {
  using pair = await Pair.create();
  const [head, tail] = fragmentsOf(A, B, udp(CLIENT, SERVICE, PAYLOAD), CUT);
  expect(pair.send(pair.a, fromPod(pair.a, B, head, first(5))).verdict).toBe('redirect');
  expect(pair.send(pair.a, fromPod(pair.a, B, tail, later(6))).verdict).toBe('fragment-unknown');
  expect(pair.send(pair.a, fromPod(pair.a, NODE, tail, later(5))).verdict).toBe('fragment-unknown');
  const other = { kind: 'raw', protocol: 132, bytes: new Uint8Array(40) } as const;
  expect(pair.send(pair.a, fromPod(pair.a, B, other, later(5))).verdict).toBe('fragment-unknown');
  expect(pair.send(pair.a, fromPod(pair.a, B, tail, later(5))).verdict).toBe('redirect');
});

test('middle and overlapping fragments are judged like the rest of their datagram', async () => {
  using pair = await Pair.create();
  inFragments(pair, pair.a, B, udp(CLIENT, SERVICE, PAYLOAD));
  inFragments(pair, pair.a, B, udp(CLIENT, 81, PAYLOAD), { id: 6 });
  const piece = { kind: 'raw', protocol: 17, bytes: new Uint8Array(32) } as const;
  for (const offset of [8, 16, 40, 64]) {
    expect(pair.send(pair.a, fromPod(pair.a, B, piece, later(5, offset, true))).verdict).toBe('redirect');
    expect(pair.send(pair.a, fromPod(pair.a, B, piece, later(6, offset, true))).verdict).toBe('policy-ingress');
  }
});

test('a second first fragment with other ports does not lend its verdict to the first', async () => {
  using pair = await Pair.create();
  inFragments(pair, pair.a, B, udp(CLIENT, SERVICE, PAYLOAD));
  const [forbidden, tail] = fragmentsOf(A, B, udp(CLIENT, 81, PAYLOAD), CUT);
  expect(pair.send(pair.a, fromPod(pair.a, B, forbidden, first(5))).verdict).toBe('policy-ingress');
  expect(pair.send(pair.a, fromPod(pair.a, B, tail, later(5))).verdict).toBe('policy-ingress');
});

describe('replies in fragments', () => {
  test('pass for their connection', async () => {
    using pair = await Pair.create();
    pair.establish('UDP');
    expect(verdicts(inFragments(pair, pair.b, A, udp(SERVICE, CLIENT, PAYLOAD)))).toEqual(['redirect', 'redirect']);
    expect(verdicts(inFragments(pair, pair.b, A, udp(SERVICE, CLIENT + 1, PAYLOAD), { id: 6 }))).toEqual([
      'policy-egress',
      'policy-egress',
    ]);
  });

  test('the rest of a datagram is revoked with its connection', async () => {
    using pair = await Pair.create();
    const [head, tail] = fragmentsOf(A, B, udp(CLIENT, SERVICE, PAYLOAD), CUT);
    pair.send(pair.a, fromPod(pair.a, B, head, first(5)));
    await pair.open(pair.b, [allow('ingress', 9999)]);
    expect(pair.send(pair.a, fromPod(pair.a, B, tail, later(5))).verdict).toBe('policy-ingress');
  });
});

describe('ICMP in fragments', () => {
  const echo = (type: number, id: number) => icmp(type, id, PAYLOAD);

  test('echo and its reply', async () => {
    using pair = await Pair.unrestricted();
    expect(verdicts(inFragments(pair, pair.a, B, echo(8, 7)))).toEqual(['redirect', 'redirect']);
    expect(verdicts(inFragments(pair, pair.b, A, echo(0, 7)))).toEqual(['redirect', 'redirect']);
    expect(verdicts(inFragments(pair, pair.b, A, echo(0, 8), { id: 6 }))).toEqual(['icmp-unrelated', 'icmp-unrelated']);
  });

  test('an id that looks like an allowed type changes nothing', async () => {
    using pair = await Pair.unrestricted();
    await pair.open(pair.a, [allow('egress', 301, ICMP, 0x0d00), deny('egress', 301, ICMP, 0x0800)]);
    expect(verdicts(inFragments(pair, pair.a, B, echo(8, 0x0d00)))).toEqual(['policy-egress', 'policy-egress']);
    await pair.open(pair.a, [deny('egress', 301, ICMP, 0x0d00), allow('egress', 301, ICMP, 0x0800)]);
    expect(verdicts(inFragments(pair, pair.a, B, echo(8, 0x0d00)))).toEqual(['redirect', 'redirect']);
  });

  test('the rest of an error is not deliverable', async () => {
    using pair = await Pair.unrestricted();
    pair.back(udp(1, 2, PAYLOAD));
    const error = icmpError(B, A, udp(1, 2, PAYLOAD));
    const [head, tail] = fragmentsOf(A, B, error, 40);
    expect(pair.send(pair.a, fromPod(pair.a, B, head, first(5))).verdict).toBe('redirect');
    expect(pair.send(pair.a, fromPod(pair.a, B, tail, later(5, 40))).verdict).toBe('icmp-unrelated');
  });
});

test('from the node and from the world', async () => {
  using pair = await Pair.create({ b: EVERYTHING });
  const [head, tail] = fragmentsOf(NODE, B, udp(1, 2, PAYLOAD), CUT);
  expect(pair.receive(pair.b, toPod(pair.b, NODE, head, first(5))).verdict).toBe('pass');
  expect(pair.receive(pair.b, toPod(pair.b, NODE, tail, later(5))).verdict).toBe('pass');
  const [begin, rest] = fragmentsOf(WORLD, B, udp(1, 2, PAYLOAD), CUT);
  expect(pair.arrive(fromWorld(WORLD, B, begin, first(5))).verdict).toBe('redirect');
  expect(pair.arrive(fromWorld(WORLD, B, rest, later(5))).verdict).toBe('redirect');
  await pair.open(pair.b, [OPEN.egress]);
  expect(pair.arrive(fromWorld(WORLD, B, rest, later(5))).verdict).toBe('policy-ingress');
});

describe('a flood of first fragments', () => {
  /** As a node has it: of a small map that evicts, a thread that the kernel moves to another processor finds nothing free. */
  const sizes = { fragments: 32_768 };
  const flood = (pair: Pair, pod: LabPod, count: number) => {
    const [head] = fragmentsOf(pod.addr, WORLD, udp(CLIENT, SERVICE, PAYLOAD), CUT);
    for (let id = 0; id < count; id += 1) pair.send(pod, fromPod(pod, WORLD, head, first(id)));
  };

  test('costs nobody else a datagram', async () => {
    using pair = await Pair.unrestricted({ sizes });
    const [head, tail] = fragmentsOf(B, A, udp(CLIENT, SERVICE, PAYLOAD), CUT);
    expect(pair.send(pair.b, fromPod(pair.b, A, head, first(5))).verdict).toBe('redirect');
    flood(pair, pair.a, 2_000);
    expect(pair.send(pair.b, fromPod(pair.b, A, tail, later(5))).verdict).toBe('redirect');
  });

  test('from outside costs no pod a datagram that it sends', async () => {
    using pair = await Pair.unrestricted({ sizes });
    const [head, tail] = fragmentsOf(B, A, udp(CLIENT, SERVICE, PAYLOAD), CUT);
    pair.send(pair.b, fromPod(pair.b, A, head, first(5)));
    const [begin] = fragmentsOf(WORLD, B, udp(1, 2, PAYLOAD), CUT);
    for (let id = 0; id < 200; id += 1) pair.arrive(fromWorld(WORLD, B, begin, first(id)));
    expect(pair.send(pair.b, fromPod(pair.b, A, tail, later(5))).verdict).toBe('redirect');
  });
});

describe('the ids of fragments under the node’s address', () => {
  function seen(outcome: Outcome) {
    expect(outcome.verdict).toBe('redirect');
    const { ip } = parsePacket(outcome.packet);
    expect(ip).toMatchObject({ source: NODE, checksumOk: true });
    return ip?.id ?? -1;
  }

  test('are one id for a datagram, and another for another pod’s', async () => {
    using pair = await Pair.unrestricted();
    const ids = [pair.a, pair.b].map((pod) => {
      const [one, other] = inFragments(pair, pod, WORLD, udp(CLIENT, SERVICE, PAYLOAD), { id: 4711 }).map(seen);
      expect(one).toBe(other);
      return one;
    });
    expect(new Set(ids).size).toBe(2);
  });

  test('no id that a pod chooses is one of another pod, even for what is cut later on its way', async () => {
    using pair = await Pair.unrestricted();
    const idsOf = (pod: LabPod) => {
      const ids = new Set<number>();
      for (let id = 0; id < 65_536; id += 37)
        ids.add(seen(pair.send(pod, fromPod(pod, WORLD, udp(CLIENT, SERVICE), { ip: { id } }))));
      return ids;
    };
    const [ofA, ofB] = [idsOf(pair.a), idsOf(pair.b)];
    expect(ofA.size).toBe(64);
    expect(ofA.isDisjointFrom(ofB)).toBe(true);
  });

  test('are a pod’s own also of fragments that say “don’t fragment”: receivers put those together', async () => {
    using pair = await Pair.unrestricted();
    const dontFragment = true;
    const [ofA, ofB] = [pair.a, pair.b].map((pod) => {
      const [head, tail] = fragmentsOf(pod.addr, WORLD, udp(CLIENT, SERVICE, PAYLOAD), CUT);
      return [
        fromPod(pod, WORLD, head, { ip: { ...first(4711).ip, dontFragment } }),
        fromPod(pod, WORLD, tail, { ip: { ...later(4711).ip, dontFragment } }),
      ].map((frame) => seen(pair.send(pod, frame)));
    });
    expect(new Set(ofA).size).toBe(1);
    expect(new Set(ofB).size).toBe(1);
    expect(ofA?.[0]).not.toBe(ofB?.[0]);
  });

  test('stay as they are where nothing is ever put together', async () => {
    using pair = await Pair.unrestricted();
    const whole = fromPod(pair.a, WORLD, udp(CLIENT, SERVICE), { ip: { id: 4711, dontFragment: true } });
    expect(seen(pair.send(pair.a, whole))).toBe(4711);
  });
});
