import { describe, expect, test } from 'vitest';
import { endpointId } from '../../src/model/index.ts';
import { type PolicyTableRow } from '../../src/model/testkit.ts';
import type { TransportSpec } from '../../src/net/index.ts';
import { icmpError, ping, pong, sctp, tcp, udp } from './frames.ts';
import { allow, EVERYTHING, OPEN } from './lab.ts';
import { A, B, BACKEND, BACKEND_INGRESS, CLIENT, Pair, SERVICE, TRANSPORTS, type Transport } from './pair.ts';

/** One packet of the heir (by the old connection's ports) or of the end that does not know of the change. */
type Move = { readonly by: 'heir' | 'peer'; readonly name: string; readonly send: TransportSpec };

function moves(transport: Transport, own: number, other: number): Move[] {
  const heir = (name: string, send: TransportSpec): Move => ({ by: 'heir', name, send });
  const peer = (name: string, send: TransportSpec): Move => ({ by: 'peer', name, send });
  switch (transport) {
    case 'TCP':
      return [
        heir('data', tcp(own, other, 'ACK', 'PSH')),
        heir('SYN', tcp(own, other, 'SYN')),
        heir('SYN-ACK', tcp(own, other, 'SYN', 'ACK')),
        heir('FIN', tcp(own, other, 'FIN', 'ACK')),
        heir('RST', tcp(own, other, 'RST')),
        peer('retransmits', tcp(other, own, 'ACK', 'PSH')),
        peer('SYN-ACK', tcp(other, own, 'SYN', 'ACK')),
        peer('FIN', tcp(other, own, 'FIN', 'ACK')),
        peer('RST', tcp(other, own, 'RST', 'ACK')),
      ];
    case 'UDP':
      return [heir('data', udp(own, other)), peer('data', udp(other, own))];
    case 'SCTP':
      return [
        heir('data', sctp(own, other, 0)),
        heir('INIT', sctp(own, other, 1)),
        heir('INIT ACK', sctp(own, other, 2)),
        heir('ABORT', sctp(own, other, 6)),
        peer('data', sctp(other, own, 0)),
        peer('INIT ACK', sctp(other, own, 2)),
        peer('ABORT', sctp(other, own, 6)),
      ];
  }
}

/** Every order of up to three packets. */
function orders(all: readonly Move[]): Move[][] {
  return all.flatMap((x) => [[x], ...all.flatMap((y) => [[x, y], ...all.map((z) => [x, y, z])])]);
}

/** Plays every order against a fresh connection of the former owner; what passed, in words. */
async function leaks(
  transport: Transport,
  pair: Pair,
  replaced: 'a' | 'b',
  afterTakeover?: () => Promise<void>,
): Promise<string[]> {
  const connection = await pair.datapath.conntrack.entries();
  const [own, other] = replaced === 'a' ? [CLIENT, SERVICE] : [SERVICE, CLIENT];
  const passed: string[] = [];
  for (const order of orders(moves(transport, own, other))) {
    await pair.forgetConnections();
    await pair.datapath.conntrack.setMany(connection);
    await afterTakeover?.();
    for (const [index, { by, name, send }] of order.entries()) {
      const fromA = (by === 'heir') === (replaced === 'a');
      const { action } = fromA ? pair.forth(send) : pair.back(send);
      if (action === 'drop') continue;
      const before = order.slice(0, index).map((move) => `${move.by} ${move.name}`);
      passed.push(`${by} ${name} after [${before.join(', ')}]`);
    }
  }
  return passed;
}

/** What the end that stays may do by itself; its ingress is always the same. */
const BACKENDS: readonly (readonly [string, readonly PolicyTableRow[]])[] = [
  ['sends nowhere by itself', BACKEND_INGRESS],
  ['may send anywhere', [...BACKEND_INGRESS, OPEN.egress]],
];

describe.each(TRANSPORTS)('%s: the opener’s address has a new owner', (transport) => {
  test.each(BACKENDS)('the other end %s: not one packet passes, in any order', async (_name, table) => {
    using pair = await Pair.create({ b: table });
    pair.establish(transport);
    await pair.replace('a', { id: 3, table: EVERYTHING });
    expect(await leaks(transport, pair, 'a')).toEqual([]);
  });

  test('neither does one before its policy is known', async () => {
    using pair = await Pair.create({ b: [...BACKEND_INGRESS, OPEN.egress] });
    pair.establish(transport);
    const heir = await pair.replace('a', { id: 3, table: EVERYTHING });
    pair.close(heir);
    expect(await leaks(transport, pair, 'a')).toEqual([]);
  });

  test('nor after the old connection was evicted', async () => {
    // Without a trace of the old flow a datagram of the other end is a flow of its own, which policy may allow.
    const table = transport === 'UDP' ? BACKEND_INGRESS : [...BACKEND_INGRESS, OPEN.egress];
    using pair = await Pair.create({ b: table });
    pair.establish(transport);
    await pair.replace('a', { id: 3, table: EVERYTHING });
    expect(await leaks(transport, pair, 'a', () => pair.forgetConnections())).toEqual([]);
  });

  test('nor when the address comes back to a pod of the same identity', async () => {
    using pair = await Pair.create({ b: BACKEND_INGRESS });
    pair.establish(transport);
    // Pods of one identity share its policy table: the very same word.
    const word = pair.datapath.words.get(endpointId(pair.a.id));
    if (word === undefined) throw new Error('the former owner is not open');
    pair.remove(pair.a);
    pair.a = pair.pod({ id: 4, addr: A, identity: 300 });
    pair.datapath.words.set(endpointId(4), word);
    // It may open its own, but what it finds is not its own.
    const all = moves(transport, CLIENT, SERVICE);
    for (const { send } of all.filter(({ by }) => by === 'peer')) expect(pair.back(send).verdict).toBe('policy-egress');
    const [data] = all;
    const verdict = data === undefined ? undefined : pair.forth(data.send).verdict;
    expect(verdict).toBe(transport === 'UDP' ? 'redirect' : 'ct-midstream');
  });
});

describe.each(TRANSPORTS)('%s: the address that a connection leads to has a new owner', (transport) => {
  test.each<[string, readonly PolicyTableRow[]]>([
    ['the opener may call the former owner only', [allow('egress', BACKEND)]],
    ['and lets nobody in', [allow('egress', BACKEND), allow('ingress', 9999)]],
  ])('%s: nothing passes in either direction', async (_name, table) => {
    using pair = await Pair.create({ a: table });
    pair.establish(transport);
    await pair.replace('b', { id: 3, table: EVERYTHING });
    expect(await leaks(transport, pair, 'b')).toEqual([]);
  });

  test('the heir lets nobody in, and the opener may call anyone', async () => {
    using pair = await Pair.create({ a: [OPEN.egress] });
    pair.establish(transport);
    await pair.replace('b', { id: 3, table: [OPEN.egress] });
    expect(await leaks(transport, pair, 'b')).toEqual([]);
  });
});

test('an heir does not answer its predecessor’s echo requests, nor send errors about its traffic', async () => {
  using pair = await Pair.create({ a: EVERYTHING, b: EVERYTHING });
  pair.forth(ping(7));
  pair.forth(udp(1, 2));
  await pair.replace('b', { id: 3, table: EVERYTHING });
  expect(pair.back(pong(7)).verdict).toBe('icmp-unrelated');
  expect(pair.back(icmpError(A, B, udp(1, 2))).verdict).toBe('icmp-unrelated');
});

test('the programs of a former owner that are still attached let nothing through', async () => {
  using pair = await Pair.create();
  pair.establish('TCP');
  const former = pair.a;
  await pair.replace('a', { id: 3, table: EVERYTHING });
  pair.a = former;
  for (const { send } of moves('TCP', CLIENT, SERVICE).filter(({ by }) => by === 'heir')) {
    expect(pair.forth(send).verdict).toBe('not-ready');
  }
});
