import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outsideOf } from '../../src/datapath/maps/outside.ts';
import type { DropReason } from '../../src/model/gen/enums.ts';
import type { PolicyTableRow } from '../../src/model/testkit.ts';
import { type Addr, parseAddr } from '../../src/net/index.ts';
import { fromPod, fromWorld, tcp, toPod, udp } from './frames.ts';
import { allow, EVERYTHING, NODE, OPEN, WORLD } from './lab.ts';
import { BACKEND_INGRESS, CHAOS, CLIENT, FRONTEND, Pair, SERVICE, SPEECH, TRANSPORTS } from './pair.ts';

type Change = {
  readonly name: string;
  readonly change: (pair: Pair) => void | Promise<void>;
  readonly restore: (pair: Pair) => Promise<void>;
  readonly forth: DropReason;
  readonly back: DropReason;
};

const NOTHING: readonly PolicyTableRow[] = [allow('egress', 9999), allow('ingress', 9999)];

const CHANGES: readonly Change[] = [
  {
    name: 'the opener may no longer send',
    change: (pair) => pair.open(pair.a, NOTHING),
    restore: (pair) => pair.open(pair.a, [OPEN.egress]),
    forth: 'policy-egress',
    back: 'revoked',
  },
  {
    name: 'the other end no longer lets the opener in',
    change: (pair) => pair.open(pair.b, NOTHING),
    restore: (pair) => pair.open(pair.b, BACKEND_INGRESS),
    forth: 'policy-ingress',
    back: 'revoked',
  },
  {
    name: 'the opener is relabelled to somebody who may not',
    change: (pair) => pair.open(pair.a, [OPEN.egress], CHAOS),
    restore: (pair) => pair.open(pair.a, [OPEN.egress]),
    forth: 'policy-ingress',
    back: 'revoked',
  },
  {
    name: 'the other end is relabelled to somebody the opener may not call',
    change: async (pair) => {
      await pair.open(pair.b, BACKEND_INGRESS, CHAOS);
      await pair.open(pair.a, [allow('egress', 301)]);
    },
    restore: (pair) => pair.open(pair.b, BACKEND_INGRESS),
    forth: 'policy-egress',
    back: 'revoked',
  },
  {
    name: 'the opener is no longer ready',
    change: (pair) => pair.close(pair.a),
    restore: (pair) => pair.open(pair.a, [OPEN.egress]),
    forth: 'not-ready',
    back: 'peer-not-ready',
  },
  {
    name: 'the other end is no longer ready',
    change: (pair) => pair.close(pair.b),
    restore: (pair) => pair.open(pair.b, BACKEND_INGRESS),
    forth: 'peer-not-ready',
    back: 'not-ready',
  },
];

describe.each(TRANSPORTS)('%s: an established connection that is no longer allowed', (transport) => {
  const { forth, back } = SPEECH[transport];

  test.each(CHANGES)('$name', async ({ change, restore, forth: forthReason, back: backReason }) => {
    using pair = await Pair.create();
    pair.establish(transport);
    await change(pair);
    for (let round = 0; round < 2; round += 1) {
      expect(pair.back(back.data(SERVICE, CLIENT)).verdict).toBe(backReason);
      expect(pair.forth(forth.data(CLIENT, SERVICE)).verdict).toBe(forthReason);
    }
    await restore(pair);
    const renewed = pair.back(back.data(SERVICE, CLIENT));
    expect([renewed.verdict, ...renewed.events.map(({ type }) => type)]).toEqual(['redirect', 'renew']);
    expect(renewed.events[0]).toMatchObject({ isReply: true });
    const next = pair.forth(forth.data(CLIENT, SERVICE));
    expect([next.verdict, next.events.length]).toEqual(['redirect', 0]);
  });

  test('a change that still allows it costs no packet', async () => {
    using pair = await Pair.create();
    pair.establish(transport);
    await pair.open(pair.b, [...BACKEND_INGRESS, allow('ingress', CHAOS)]);
    expect(pair.forth(forth.data(CLIENT, SERVICE)).verdict).toBe('redirect');
    await pair.open(pair.a, [allow('egress', 301)], FRONTEND);
    expect(pair.back(back.data(SERVICE, CLIENT)).verdict).toBe('redirect');
  });
});

test('a renewed entry carries the new rules and identities', async () => {
  using pair = await Pair.create();
  pair.establish('TCP');
  await pair.open(pair.b, [allow('ingress', CHAOS, 6, SERVICE)]);
  await pair.open(pair.a, [OPEN.egress], CHAOS);
  expect(pair.forth(tcp(CLIENT, SERVICE, 'ACK')).verdict).toBe('redirect');
  expect((await pair.entry())[1]).toMatchObject({ identity: [CHAOS, 301], rule: [CHAOS + 1, 1], opener: 0 });
});

test('FIN and RST of a revoked connection do not pass either', async () => {
  using pair = await Pair.create();
  pair.establish('TCP');
  await pair.open(pair.b, NOTHING);
  expect(pair.forth(tcp(CLIENT, SERVICE, 'FIN', 'ACK')).verdict).toBe('policy-ingress');
  expect(pair.back(tcp(SERVICE, CLIENT, 'RST')).verdict).toBe('revoked');
});

describe('with the outside', () => {
  test('all words turn: connections are judged anew', async () => {
    using pair = await Pair.create({ config: { enableMasquerade: false } });
    pair.identify(`${WORLD}/32`, 16_777_300);
    await pair.open(pair.a, [allow('egress', 16_777_300)]);
    pair.turnWorld();
    const query = () => pair.send(pair.a, fromPod(pair.a, WORLD, udp(5000, 53))).verdict;
    const answer = () => pair.arrive(fromWorld(WORLD, pair.a.addr, udp(53, 5000))).verdict;
    expect([query(), answer(), query()]).toEqual(['pass', 'redirect', 'pass']);
    pair.identify(`${WORLD}/32`, 2);
    expect([query(), answer()]).toEqual(['pass', 'redirect']);
    pair.turnWorld();
    expect([answer(), query(), answer()]).toEqual(['revoked', 'policy-egress', 'revoked']);
  });

  test('the word of one address turns: only connections with it are judged anew', async () => {
    const other = parseAddr('203.0.113.9');
    using pair = await Pair.create({ config: { enableMasquerade: false } });
    await pair.open(pair.a, [OPEN.egress]);
    const kinds = (peer: Addr, port: number) => [
      ...pair.send(pair.a, fromPod(pair.a, peer, udp(port, 53))).events,
      ...pair.arrive(fromWorld(peer, pair.a.addr, udp(53, port))).events,
    ];
    for (const peer of [WORLD, other]) for (const port of [5000, 5001]) kinds(peer, port);
    const again = (peer: Addr) => [5000, 5001].flatMap((port) => kinds(peer, port).map(({ type }) => type));
    expect([...again(WORLD), ...again(other)]).toEqual([]);
    pair.identify(`${other}/32`, 901);
    pair.turn(other);
    expect(again(WORLD)).toEqual([]);
    await pair.open(pair.a, [allow('egress', 2)]);
    expect(pair.send(pair.a, fromPod(pair.a, other, udp(5000, 53))).verdict, 'it was the world’s').toBe(
      'policy-egress',
    );
    expect(pair.arrive(fromWorld(other, pair.a.addr, udp(53, 5000))).verdict).toBe('unencapsulated');
  });

  test('every address has the word that the agent thinks it has', async () => {
    using pair = await Pair.create({ a: EVERYTHING, config: { enableMasquerade: false } });
    const bytes = fc.tuple(fc.integer({ min: 1, max: 126 }), fc.nat(255), fc.nat(255), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(bytes, async (quad) => {
        const peer = parseAddr(quad.join('.'));
        pair.send(pair.a, fromPod(pair.a, peer, udp(5000, 53)));
        const [key, entry] = await pair.entry();
        expect(entry.endpoint[key.addr[0] === peer ? 0 : 1]).toBe(outsideOf(peer));
        await pair.forgetConnections();
      }),
    );
  });

  test('a connection of the node to a pod', async () => {
    using pair = await Pair.create();
    await pair.open(pair.b, [allow('ingress', 1, 6, SERVICE)]);
    const probe = (...flags: Parameters<typeof tcp>[2][]) =>
      pair.receive(pair.b, toPod(pair.b, NODE, tcp(50_000, SERVICE, ...flags))).verdict;
    const answer = (...flags: Parameters<typeof tcp>[2][]) =>
      pair.send(pair.b, fromPod(pair.b, NODE, tcp(SERVICE, 50_000, ...flags))).verdict;
    expect([probe('SYN'), answer('SYN', 'ACK'), probe('ACK'), answer('ACK')]).toEqual(Array(4).fill('pass'));
    await pair.open(pair.b, BACKEND_INGRESS);
    expect([answer('ACK'), probe('ACK')]).toEqual(['revoked', 'policy-ingress']);
  });
});
