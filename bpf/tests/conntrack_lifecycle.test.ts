import { describe, expect, test } from 'vitest';
import { monotonicTick } from '../../src/datapath/maps/conntrack-map.ts';
import { CT_FLAG, type CtFlag } from '../../src/model/gen/enums.ts';
import { type TransportSpec } from '../../src/net/index.ts';
import { parsePacket } from '../../src/net/testkit.ts';
import { ping, pong, sctp, tcp, udp } from './frames.ts';
import { GATEWAY_MAC } from './lab.ts';
import { A, B, BACKEND, CLIENT, FRONTEND, Pair, SERVICE } from './pair.ts';

type Step = {
  readonly by: 'a' | 'b';
  readonly send: TransportSpec;
  readonly flags: readonly CtFlag[];
  /** Ticks. */
  readonly timeout: number;
  readonly event?: 'open' | 'close';
};

const to = (...flags: Parameters<typeof tcp>[2][]): TransportSpec => tcp(CLIENT, SERVICE, ...flags);
const from = (...flags: Parameters<typeof tcp>[2][]): TransportSpec => tcp(SERVICE, CLIENT, ...flags);

const OPENING: readonly Step[] = [
  { by: 'a', send: to('SYN'), flags: ['opening'], timeout: 60, event: 'open' },
  { by: 'a', send: to('SYN'), flags: ['opening'], timeout: 60 },
  { by: 'b', send: from('SYN', 'ACK'), flags: ['replied', 'opening'], timeout: 60 },
  { by: 'a', send: to('ACK'), flags: ['replied'], timeout: 8040 },
  { by: 'b', send: from('ACK', 'PSH'), flags: ['replied'], timeout: 8040 },
];

const LIVES: Readonly<Record<string, readonly Step[]>> = {
  'TCP closed by the opener': [
    ...OPENING,
    { by: 'a', send: to('FIN', 'ACK'), flags: ['replied', 'fin-0'], timeout: 8040 },
    { by: 'b', send: from('ACK', 'PSH'), flags: ['replied', 'fin-0'], timeout: 8040 },
    {
      by: 'b',
      send: from('FIN', 'ACK'),
      flags: ['replied', 'closing', 'fin-0', 'fin-1'],
      timeout: 2,
      event: 'close',
    },
    { by: 'a', send: to('ACK'), flags: ['replied', 'closing', 'fin-0', 'fin-1'], timeout: 2 },
    { by: 'a', send: to('SYN'), flags: ['opening'], timeout: 60, event: 'open' },
  ],
  'TCP reset by the opener': [
    ...OPENING,
    { by: 'a', send: to('RST'), flags: ['replied', 'closing'], timeout: 10, event: 'close' },
    { by: 'a', send: to('RST'), flags: ['replied', 'closing'], timeout: 10 },
    // Who was reset sends nothing more: what goes on is alive.
    { by: 'b', send: from('ACK', 'PSH'), flags: ['replied'], timeout: 8040 },
  ],
  DNS: [
    { by: 'a', send: udp(CLIENT, 53), flags: [], timeout: 17, event: 'open' },
    { by: 'b', send: udp(53, CLIENT), flags: ['replied'], timeout: 17 },
  ],
  'TCP refused': [
    { by: 'a', send: to('SYN'), flags: ['opening'], timeout: 60, event: 'open' },
    { by: 'b', send: from('RST', 'ACK'), flags: ['replied', 'closing', 'opening'], timeout: 10, event: 'close' },
    { by: 'a', send: to('SYN'), flags: ['opening'], timeout: 60, event: 'open' },
  ],
  UDP: [
    { by: 'a', send: udp(CLIENT, SERVICE), flags: [], timeout: 30, event: 'open' },
    { by: 'a', send: udp(CLIENT, SERVICE), flags: [], timeout: 30 },
    { by: 'b', send: udp(SERVICE, CLIENT), flags: ['replied'], timeout: 120 },
    { by: 'a', send: udp(CLIENT, SERVICE), flags: ['replied'], timeout: 120 },
  ],
  SCTP: [
    { by: 'a', send: sctp(CLIENT, SERVICE, 1), flags: [], timeout: 30, event: 'open' },
    { by: 'b', send: sctp(SERVICE, CLIENT, 2), flags: ['replied'], timeout: 120 },
    { by: 'a', send: sctp(CLIENT, SERVICE, 10), flags: ['replied'], timeout: 120 },
    { by: 'b', send: sctp(SERVICE, CLIENT, 0), flags: ['replied'], timeout: 120 },
  ],
  'ICMP echo': [
    { by: 'a', send: ping(77), flags: [], timeout: 30, event: 'open' },
    { by: 'b', send: pong(77), flags: ['replied'], timeout: 120 },
    { by: 'a', send: ping(77), flags: ['replied'], timeout: 120 },
    { by: 'b', send: pong(77), flags: ['replied'], timeout: 120 },
  ],
};

describe('the life of a connection', () => {
  test.each(Object.entries(LIVES))('%s', async (_name, steps) => {
    using pair = await Pair.unrestricted();
    for (const [index, step] of steps.entries()) {
      const outcome = step.by === 'a' ? pair.forth(step.send) : pair.back(step.send);
      const [key, entry] = await pair.entry();
      const seen = {
        verdict: outcome.verdict,
        events: outcome.events.map(({ type }) => type),
        flags: (Object.keys(CT_FLAG) as CtFlag[]).filter((flag) => (entry.flags & CT_FLAG[flag]) !== 0),
        timeout: entry.timeout,
        opener: key.addr[entry.opener === 0 ? 0 : 1],
      };
      const { flags, timeout, event } = step;
      const expected = { verdict: 'redirect', events: event === undefined ? [] : [event], flags, timeout, opener: A };
      expect(seen, `step ${index}`).toEqual(expected);
      const left = entry.expires - monotonicTick();
      expect(left, `step ${index}`).toBeGreaterThanOrEqual(timeout - 4);
      expect(left, `step ${index}`).toBeLessThanOrEqual(timeout);
    }
  });
});

test('an entry knows both ends and where to deliver', async () => {
  using pair = await Pair.create();
  const { events } = pair.forth(to('SYN'));
  const [key, entry] = await pair.entry();
  expect(key).toEqual({ addr: [A, B], port: [CLIENT, SERVICE], protocol: 6 });
  expect(entry).toMatchObject({
    endpoint: [1, 2],
    way: [1001, 1002],
    identity: [FRONTEND, BACKEND],
    natPort: 0,
    opener: 0,
    rule: [FRONTEND + 1, 1],
  });
  expect(events).toEqual([
    expect.objectContaining({
      type: 'open',
      hook: 'from-pod',
      source: A,
      destination: B,
      sourcePort: CLIENT,
      destinationPort: SERVICE,
      sourceIdentity: FRONTEND,
      destinationIdentity: BACKEND,
      sourceEndpoint: 1,
      destinationEndpoint: 2,
      rule: [FRONTEND + 1, 1],
      protocol: 6,
      tcpFlags: 2,
      isReply: false,
    }),
  ]);
});

test('a delivered frame has the pod’s MAC address and is otherwise untouched', async () => {
  using pair = await Pair.create();
  for (const send of [() => pair.forth(to('SYN')), () => pair.forth(to('ACK', 'PSH'))]) {
    const seen = parsePacket(send().packet);
    expect(seen).toMatchObject({ source: GATEWAY_MAC, destination: pair.b.mac });
    expect(seen.ip).toMatchObject({ source: A, destination: B, ttl: 64, checksumOk: true });
    expect(seen.transport).toMatchObject({ sourcePort: CLIENT, destinationPort: SERVICE, checksumOk: true });
  }
});

test('an established packet asks neither policy nor the owner of the address', async () => {
  using pair = await Pair.create();
  pair.establish('TCP');
  pair.establish('UDP');
  for (const revision of await pair.datapath.policy.revisions()) await pair.datapath.policy.delete(revision);
  pair.datapath.disown(A);
  pair.datapath.disown(B);
  expect(pair.forth(to('ACK')).verdict).toBe('redirect');
  expect(pair.back(from('ACK', 'PSH')).verdict).toBe('redirect');
  expect(pair.forth(udp(CLIENT, SERVICE)).verdict).toBe('redirect');
  expect(pair.back(udp(SERVICE, CLIENT)).verdict).toBe('redirect');
});

test.each<[string, TransportSpec]>([
  ['another source port', tcp(SERVICE + 1, CLIENT, 'ACK')],
  ['another destination port', tcp(SERVICE, CLIENT + 1, 'ACK')],
  ['another protocol', udp(SERVICE, CLIENT)],
  ['a connection of its own', tcp(SERVICE, CLIENT, 'SYN')],
  ['the same ports in SCTP', sctp(SERVICE, CLIENT, 0)],
  ['an echo request', ping(1)],
])('the right to answer does not extend to %s', async (_name, answer) => {
  using pair = await Pair.create();
  pair.establish('TCP');
  expect(pair.back(answer).action).toBe('drop');
  expect(pair.back(from('ACK')).verdict).toBe('redirect');
});

test('a SYN from the other side does not take a connection over unless policy lets it', async () => {
  using pair = await Pair.create();
  pair.establish('TCP');
  expect(pair.back(from('SYN')).verdict).toBe('policy-egress');
  expect((await pair.entry())[1].opener).toBe(0);
  expect(pair.forth(to('ACK')).verdict).toBe('redirect');
});

test('a dead entry is no entry', async () => {
  using pair = await Pair.create();
  pair.establish('TCP');
  pair.establish('UDP');
  await pair.expire();
  expect(pair.back(from('ACK')).verdict).toBe('policy-egress');
  expect(pair.forth(to('ACK')).verdict).toBe('ct-midstream');
  expect(pair.back(udp(SERVICE, CLIENT)).verdict).toBe('policy-egress');
  expect(pair.forth(udp(CLIENT, SERVICE)).verdict).toBe('redirect');
});

test('both echo with the same id: each answers the other’s request only', async () => {
  using pair = await Pair.unrestricted();
  pair.forth(ping(5));
  expect(pair.forth(pong(5)).verdict).toBe('icmp-unrelated');
  expect(pair.back(pong(5)).verdict).toBe('redirect');
  expect(pair.back(pong(6)).verdict).toBe('icmp-unrelated');
});
