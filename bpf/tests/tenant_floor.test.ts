import { describe, expect, test } from 'vitest';
import { identityId } from '../../src/model/index.ts';
import { type FloorRow, floorRow } from '../../src/tenant/index.ts';
import { tenantRow } from '../../src/tenant/testkit.ts';
import { fromPod, tcp, toPod, udp } from './frames.ts';
import { allow, type Lab, NODE, OTHER_NODE, REMOTE_POD, WORLD } from './lab.ts';
import { OverlayLab, REMOTE } from './overlay-lab.ts';
import { BACKEND_INGRESS, CLIENT, Pair, SERVICE, UDP } from './pair.ts';

const FRONT = 300;
const BACK = 301;
const OPEN_BOUNDARY = { world: 'Open', nodes: 'Open' } as const;

const of = (tenant: string, boundary = {}): FloorRow =>
  floorRow({ state: 'tenant', tenant: tenantRow(tenant, { boundary: { ...OPEN_BOUNDARY, ...boundary } }) }, 'Open');
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

describe('what one tenant exports and another imports', () => {
  const share = { opener: identityId(FRONT), responder: identityId(BACK), port: SERVICE, protocol: UDP };

  test('opens this port of these pods for those, in this direction', async () => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: of('shop'), [BACK]: of('billing') });
    pair.datapath.shares.set(share, { until: 0 });
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
  });

  test('is over at its time, although nobody takes it away', async () => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: of('shop'), [BACK]: of('billing') });
    pair.datapath.shares.set(share, { until: 1 });
    expect(pair.send(pair.a, fromPod(pair.a, pair.b.addr, request)).verdict).toBe('tenant-boundary');
  });

  test('does not open what a closed namespace has', async () => {
    using pair = await Pair.create();
    say(pair, { [FRONT]: CLOSED, [BACK]: of('billing') });
    pair.datapath.shares.set(share, { until: 0 });
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
