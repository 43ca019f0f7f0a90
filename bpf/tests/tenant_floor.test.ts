import { describe, expect, test } from 'vitest';
import { tenantWorldKey } from '../../src/datapath/index.ts';
import { shareRow } from '../../src/datapath/maps/testkit.ts';
import { identityId, type TenantWorld } from '../../src/model/index.ts';
import { type Addr, addrFamily, isMetadata, METADATA_ADDRESSES, Prefix, parseAddr } from '../../src/net/index.ts';
import { type FloorRow, floorRow, tenantNumber } from '../../src/tenant/index.ts';
import { tenantRow } from '../../src/tenant/testkit.ts';
import { A6 } from './drop-cases/case.ts';
import { fromPod, ipv6Frame, tcp, toPod, udp } from './frames.ts';
import { allow, type Lab, NODE, OTHER_NODE, REMOTE_POD, WORLD } from './lab.ts';
import { OverlayLab, REMOTE } from './overlay-lab.ts';
import { BACKEND_INGRESS, CLIENT, Pair, SERVICE, UDP } from './pair.ts';

const FRONT = 300;
const BACK = 301;
const OPEN_BOUNDARY = { world: 'Open', nodes: 'Open' } as const;

const of = (tenant: string, boundary = {}, metadata: TenantWorld['metadata'] = 'Never'): FloorRow =>
  floorRow(
    {
      state: 'tenant',
      tenant: tenantRow(tenant, { boundary: { ...OPEN_BOUNDARY, ...boundary }, world: { cidrs: [], metadata } }),
    },
    'Open',
  );
const NOBODYS = floorRow({ state: 'unassigned' }, 'Open');
const CLOSED = floorRow({ state: 'closed', tenants: [], why: '' }, 'Open');
/** Nobody has said anything, and there are tenants. */
const NOT_SAID = 0n;

function say(lab: Lab, rows: Readonly<Record<number, FloorRow>>): void {
  lab.datapath.tenants.set(identityId(0), NOT_SAID);
  for (const [id, row] of Object.entries(rows)) lab.datapath.tenants.set(identityId(Number(id)), row);
}

const request = udp(CLIENT, SERVICE);
const answer = udp(SERVICE, CLIENT);

describe('what policies allow opens nothing between tenants', () => {
  test.each([
    ['of one tenant', of('shop'), of('shop'), 'redirect'],
    ['of two', of('shop'), of('billing'), 'tenant-boundary'],
    ['of none', NOBODYS, NOBODYS, 'redirect'],
    ['of a tenant, to who has none', of('shop'), NOBODYS, 'tenant-boundary'],
    ['of none, to a tenant', NOBODYS, of('shop'), 'tenant-boundary'],
    ['closed, to a tenant', CLOSED, of('shop'), 'tenant-closed'],
    ['of a tenant, to who is closed', of('shop'), CLOSED, 'tenant-closed'],
    ['closed, both', CLOSED, CLOSED, 'tenant-closed'],
    ['not heard of', NOT_SAID, of('shop'), 'tenant-unknown'],
    ['of a tenant, to one not heard of', of('shop'), NOT_SAID, 'tenant-unknown'],
    ['not heard of, both', NOT_SAID, NOT_SAID, 'tenant-unknown'],
  ] as const)('pods %s', async (_name, front, back, verdict) => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: front, [BACK]: back });
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe(verdict);
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, tcp(CLIENT, SERVICE, 'SYN'))).verdict).toBe(verdict);
  });

  test('where policy is off', async () => {
    using pair = await Pair.create({ config: { enablePolicy: false } });
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe('redirect');
    say(pair, { [FRONT]: of('shop'), [BACK]: of('billing') });
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, udp(CLIENT + 1, SERVICE))).verdict).toBe('tenant-boundary');
  });

  test('and within one tenant policies decide', async () => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: of('shop'), [BACK]: of('shop') });
    await pair.open(pair.b, [allow('ingress', 9999)]);
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe('policy-ingress');
  });
});

test('a connection is judged anew, in both directions, once the words are others', async () => {
  using pair = await Pair.create();
  say(pair, { [FRONT]: of('shop'), [BACK]: of('shop') });
  pair.send(pair.a, fromPod(pair.a, pair.b.addr, request));
  expect(pair.send(pair.b, fromPod(pair.b, pair.a.addr, answer)).verdict).toBe('redirect');

  say(pair, { [BACK]: of('billing') });
  await pair.open(pair.b, BACKEND_INGRESS);

  expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe('tenant-boundary');
  expect(pair.send(pair.b, fromPod(pair.b, pair.a.addr, answer)).verdict).toBe('tenant-boundary');
  say(pair, { [BACK]: of('shop') });
  expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe('redirect');
});

describe('between nodes, each looks up whose the identity in the packet is', () => {
  test('the receiver', async () => {
    using lab = await OverlayLab.create();
    say(lab, { [REMOTE]: of('shop'), [BACK]: of('shop') });
    expect(lab.hear(udp(CLIENT, SERVICE)).verdict).toBe('redirect');
    say(lab, { [REMOTE]: of('billing') });
    expect(lab.hear(udp(CLIENT + 1, SERVICE)).verdict).toBe('tenant-boundary');
    expect(lab.hear(udp(CLIENT + 2, SERVICE), { identity: 901 }).verdict, 'whom nobody knows').toBe('tenant-unknown');
  });

  test('the sender', async () => {
    using lab = await OverlayLab.create();
    say(lab, { [REMOTE]: of('billing'), [FRONT]: of('shop') });
    const outcome = lab.send(lab.a, fromPod(lab.a, REMOTE_POD, request));
    expect(outcome.verdict).toBe('tenant-boundary');
    expect(outcome.events).toMatchObject([{ sourceIdentity: FRONT, destinationIdentity: REMOTE }]);
  });
});

describe('the boundary to who is no pod', () => {
  const cases = [
    [{ world: 'Closed' }, { toWorld: 'tenant-world', fromWorld: 'tenant-world', toNode: 'pass', fromNode: 'pass' }],
    [
      { world: 'Closed', nodes: 'ProbesOnly' },
      { toWorld: 'tenant-world', fromWorld: 'tenant-world', toNode: 'tenant-nodes', fromNode: 'tenant-nodes' },
    ],
    [{ nodes: 'ProbesOnly' }, { toWorld: 'pass', fromWorld: 'pass', toNode: 'tenant-nodes', fromNode: 'pass' }],
    [{}, { toWorld: 'pass', fromWorld: 'pass', toNode: 'pass', fromNode: 'pass' }],
  ] as const;
  test.each(cases)('%o', async (boundary, expected) => {
    using pair = await Pair.create({ config: { enableMasquerade: false } });
    say(pair, { [FRONT]: of('shop', boundary), [BACK]: of('shop', boundary) });
    await pair.open(pair.b, [allow('ingress', 0), allow('egress', 0)]);
    const out = ({ verdict }: { readonly verdict: string }): string => (verdict === 'redirect' ? 'pass' : verdict);
    expect({
      toWorld: out(pair.send(pair.a, fromPod(pair.a, WORLD, request))),
      fromWorld: out(pair.receive(pair.b, toPod(pair.b, WORLD, request), true)),
      toNode: out(pair.send(pair.a, fromPod(pair.a, NODE, request))),
      fromNode: out(pair.receive(pair.b, toPod(pair.b, OTHER_NODE, request), true)),
    }).toEqual(expected);
    expect(pair.send(pair.a, fromPod(pair.a, OTHER_NODE, request)).verdict.startsWith('tenant')).toBe(
      expected.toNode !== 'pass',
    );
    expect(pair.receive(pair.b, toPod(pair.b, NODE, udp(CLIENT, SERVICE))).verdict, 'probes').toBe('pass');
  });

  test('a closed namespace hears its node’s probes and nobody else', async () => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: CLOSED, [BACK]: CLOSED });
    await pair.open(pair.b, [allow('ingress', 0), allow('egress', 0)]);
    expect(pair.receive(pair.b, toPod(pair.b, NODE, request)).verdict).toBe('pass');
    expect(pair.receive(pair.b, toPod(pair.b, WORLD, request), true).verdict).toBe('tenant-closed');
    expect(pair.send(pair.a, fromPod(pair.a, WORLD, request)).verdict).toBe('tenant-closed');
    expect(pair.send(pair.a, fromPod(pair.a, NODE, request)).verdict).toBe('tenant-closed');
  });
});

describe('what a tenant lists of the world', () => {
  const list = (lab: Lab, tenant: string, ...prefixes: string[]): void => {
    for (const prefix of prefixes) {
      lab.datapath.world.set(tenantWorldKey({ tenant: tenantNumber(tenant), prefix: Prefix.parse(prefix) }), 1);
    }
  };
  const passes = (pair: Pair) => ({
    toWorld: pair.send(pair.a, fromPod(pair.a, WORLD, request)).verdict,
    fromWorld: pair.receive(pair.b, toPod(pair.b, WORLD, request), true).verdict,
  });
  const both = (verdict: string, other = verdict) => ({ toWorld: verdict, fromWorld: other });
  const cases: readonly (readonly [string, readonly (readonly [string, string])[], ReturnType<typeof both>])[] = [
    ['nothing', [], both('tenant-world')],
    ['the address', [['shop', `${WORLD}/32`]], both('pass')],
    ['what is around it', [['shop', '198.51.0.0/16']], both('pass')],
    ['all of IPv4', [['shop', '0.0.0.0/0']], both('pass')],
    ['its neighbour', [['shop', '198.51.100.6/32']], both('tenant-world')],
    [
      'all of IPv6',
      [
        ['shop', '::/0'],
        ['shop', '::fffe:0:0/95'],
      ],
      both('tenant-world'),
    ],
    ['what another tenant lists', [['billing', '0.0.0.0/0']], both('tenant-world')],
  ];
  test.each(cases)('%s', async (_name, rows, expected) => {
    using pair = await Pair.create({ config: { enableMasquerade: false } });
    const listed = of('shop', { world: 'Listed' });
    say(pair, { [FRONT]: listed, [BACK]: listed });
    await pair.open(pair.b, [allow('ingress', 0), allow('egress', 0)]);
    for (const [tenant, prefix] of rows) list(pair, tenant, prefix);
    expect(passes(pair)).toEqual(expected);
    say(pair, { [FRONT]: of('shop', { world: 'Closed' }), [BACK]: of('shop', { world: 'Closed' }) });
    await pair.open(pair.a, [allow('ingress', 0), allow('egress', 0)]);
    await pair.open(pair.b, [allow('ingress', 0), allow('egress', 0)]);
    expect(passes(pair), 'who is closed lists nothing').toEqual(both('tenant-world'));
  });

  test('and takes back ends at the next packet, answers too', async () => {
    using pair = await Pair.create({ config: { enableMasquerade: false } });
    say(pair, { [FRONT]: of('shop', { world: 'Listed' }) });
    const key = tenantWorldKey({ tenant: tenantNumber('shop'), prefix: Prefix.host(WORLD) });
    pair.datapath.world.set(key, 1);
    await pair.open(pair.a, [allow('ingress', 0), allow('egress', 0)]);
    const back = () => pair.receive(pair.a, toPod(pair.a, WORLD, answer), true).verdict;
    expect(pair.send(pair.a, fromPod(pair.a, WORLD, request)).verdict).toBe('pass');
    expect(back()).toBe('pass');
    pair.datapath.world.delete(key);
    await pair.open(pair.a, [allow('ingress', 0), allow('egress', 0)]);
    expect(back()).toBe('tenant-world');
    expect(pair.send(pair.a, fromPod(pair.a, WORLD, request)).verdict).toBe('tenant-world');
  });
});

/** All that differ from them in one bit, which no other may share a verdict with. */
const NEIGHBOURS = METADATA_ADDRESSES.flatMap((addr) => {
  const { family, value, bits } = Prefix.host(addr);
  return Array.from({ length: bits }, (_, at) => Prefix.ofValue(family, value ^ (1n << BigInt(at)), bits).network);
});

test('where clouds give out credentials is nobody’s to ask, whoever has the address, until the tenant says so', async () => {
  using pair = await Pair.create({ config: { enableMasquerade: false, enableIpv6: true } });
  await pair.open(pair.a, [allow('ingress', 0), allow('egress', 0)]);
  const known = METADATA_ADDRESSES;
  const send = (addr: Addr) =>
    pair.send(pair.a, addrFamily(addr) === 4 ? fromPod(pair.a, addr, request) : ipv6Frame(pair.a, A6, addr, request))
      .verdict;
  const verdicts = () => known.map(send);
  say(pair, { [FRONT]: of('shop') });
  expect(verdicts()).toEqual(known.map(() => 'tenant-metadata'));
  const isRefused = (addr: Addr): boolean => send(addr) === 'tenant-metadata';
  expect(NEIGHBOURS.filter((addr) => isRefused(addr) !== isMetadata(addr))).toEqual([]);
  say(pair, { [FRONT]: of('shop', { world: 'Closed', nodes: 'ProbesOnly' }) });
  expect(verdicts(), 'closed besides').toEqual(known.map(() => 'tenant-metadata'));
  for (const addr of known) {
    pair.datapath.shares.set(
      { opener: identityId(FRONT), responder: identityId(2), port: SERVICE, protocol: UDP },
      shareRow(),
    );
    pair.datapath.world.set(tenantWorldKey({ tenant: tenantNumber('shop'), prefix: Prefix.host(addr) }), 1);
  }
  say(pair, { [FRONT]: of('shop', { world: 'Listed' }) });
  expect(verdicts(), 'listed, and shared').toEqual(known.map(() => 'tenant-metadata'));
  say(pair, { [FRONT]: of('shop', {}, 'Open') });
  expect(verdicts()).toEqual(known.map(() => 'pass'));
});

test('a flood to where clouds give out credentials does not hide what else its pod does', async () => {
  const ring = 64 * 1024;
  using pair = await Pair.create({ config: { enableMasquerade: false, eventRate: 100 }, sizes: { events: ring } });
  say(pair, { [FRONT]: of('shop') });
  pair.own(pair.a);
  pair.datapath.events();
  const [metadata] = METADATA_ADDRESSES;
  if (metadata === undefined) throw new Error('no address is known');
  pair.datapath.run(pair.a.programs.fromPod, fromPod(pair.a, metadata, request), { repeat: 20_000 });
  const forged = fromPod(pair.a, pair.b.addr, request, { ip: { source: parseAddr('10.244.1.99') } });
  pair.datapath.run(pair.a.programs.fromPod, forged, { repeat: 1 });
  const told = new Set(pair.datapath.events().map(({ reason }) => reason));
  expect(told).toEqual(new Set(['tenant-metadata', 'spoofed-ip']));
});

describe('what one tenant exports and another imports', () => {
  const share = { opener: identityId(FRONT), responder: identityId(BACK), port: SERVICE, protocol: UDP };

  test('opens this port of these pods for those, in this direction', async () => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: of('shop'), [BACK]: of('billing') });
    pair.datapath.shares.set(share, shareRow());
    await pair.open(pair.a, [allow('ingress', 0), allow('egress', 0)]);
    await pair.open(pair.b, [allow('ingress', 0), allow('egress', 0)]);
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe('redirect');
    expect(pair.send(pair.b, fromPod(pair.b, pair.a.addr, answer)).verdict, 'its answer').toBe('redirect');
    const others = [
      pair.send(pair.a, fromPod(pair.a, pair.b.addr, udp(CLIENT, SERVICE + 1))),
      pair.send(pair.a, fromPod(pair.a, pair.b.addr, tcp(CLIENT, SERVICE, 'SYN'))),
      pair.send(pair.b, fromPod(pair.b, pair.a.addr, udp(CLIENT + 9, SERVICE))),
    ];
    expect(others.map(({ verdict }) => verdict)).toEqual(others.map(() => 'tenant-boundary'));
    await pair.open(pair.b, [allow('ingress', 0), allow('egress', 0)]);
    expect(pair.send(pair.b, fromPod(pair.b, pair.a.addr, answer)).verdict, 'judged anew').toBe('redirect');
  });

  test('is over at its time, although nobody takes it away', async () => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: of('shop'), [BACK]: of('billing') });
    pair.datapath.shares.set(share, shareRow({ until: 1 }));
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe('tenant-boundary');
  });

  test('does not open what a closed namespace has', async () => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: CLOSED, [BACK]: of('billing') });
    pair.datapath.shares.set(share, shareRow());
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe('tenant-closed');
  });
});

test('a drop is told with both identities, and counted for who sent it', async () => {
  using pair = await Pair.create();
  say(pair, { [FRONT]: of('shop'), [BACK]: of('billing') });
  const { events } = pair.send(pair.a, fromPod(pair.a, pair.b.addr, request));
  expect(events).toMatchObject([
    { type: 'drop', reason: 'tenant-boundary', sourceIdentity: FRONT, destinationIdentity: BACK },
  ]);
  expect(await pair.datapath.drops()).toMatchObject([{ endpoint: 1, reason: 'tenant-boundary', direction: 'egress' }]);
});
