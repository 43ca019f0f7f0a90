import { describe, expect, test } from 'vitest';
import type { Event, TenantAccount } from '../../src/datapath/gen/codecs.ts';
import { UNUSED_TENANT_ACCOUNT } from '../../src/datapath/index.ts';
import { TENANT_UNLIMITED } from '../../src/model/gen/numbers.ts';
import { endpointId, identityId, NO_LIMITS } from '../../src/model/index.ts';
import { parseAddr } from '../../src/net/index.ts';
import { type FloorRow, floorRow, tenantNumber, UNASSIGNED_ROW } from '../../src/tenant/index.ts';
import { tenantRow } from '../../src/tenant/testkit.ts';
import { fromPod, fromWorld, tcp, toPod, udp } from './frames.ts';
import { allow, EVERYTHING, type Lab, type LabPod, NODE, quota, WORLD } from './lab.ts';
import { OverlayLab, REMOTE } from './overlay-lab.ts';
import { A, B, BACKEND, FRONTEND, Pair, UDP } from './pair.ts';

const FREE = TENANT_UNLIMITED;

type Limits = {
  readonly connections?: number;
  readonly natPorts?: number;
  readonly interval?: number;
  readonly eventInterval?: number;
};

/** The tenant's row, whose account is written. */
function limit(lab: Lab, name: string, limited: Limits): FloorRow {
  const { connections = FREE, natPorts = FREE, interval = 0, eventInterval = 0 } = limited;
  const limits = { ...NO_LIMITS, connections };
  const tenant = tenantRow(name, { limits, boundary: { world: 'Open', nodes: 'Open' } });
  lab.datapath.tenantAccounts.set(tenantNumber(name), {
    ...UNUSED_TENANT_ACCOUNT,
    interval,
    eventInterval,
    limit: [connections, natPorts],
  });
  return floorRow({ state: 'tenant', tenant }, 'Open');
}

function say(lab: Lab, rows: Readonly<Record<number, FloorRow>>): void {
  for (const [id, row] of Object.entries(rows)) lab.datapath.tenants.set(identityId(Number(id)), row);
}

function account(lab: Lab, name = 'shop'): TenantAccount {
  const found = lab.datapath.tenantAccounts.get(tenantNumber(name));
  if (found === undefined) throw new Error(`tenant ${name} has no account`);
  return found;
}

const times = (count: number, run: (port: number) => { readonly verdict: string }): string[] =>
  Array.from({ length: count }, (_, port) => run(port + 1).verdict);

const passed = (verdicts: readonly string[]): number =>
  verdicts.filter((verdict) => verdict === 'redirect' || verdict === 'pass').length;

/** Front and back are of this one tenant. */
async function shop(limits: Limits, config = {}): Promise<Pair> {
  const pair = await Pair.unrestricted({ config });
  const row = limit(pair, 'shop', limits);
  say(pair, { [FRONTEND]: row, [BACKEND]: row });
  return pair;
}

describe('the connections of a tenant', () => {
  test('are those of all its pods, and what is open goes on', async () => {
    using pair = await shop({ connections: 5 });
    expect(times(3, (port) => pair.forth(tcp(port, 80, 'SYN')))).toEqual(['redirect', 'redirect', 'redirect']);
    expect(times(4, (port) => pair.back(udp(port, 53)))).toEqual([
      'redirect',
      'redirect',
      'tenant-connections',
      'tenant-connections',
    ]);
    expect(pair.forth(tcp(9, 80, 'SYN')).verdict).toBe('tenant-connections');
    expect(pair.back(tcp(80, 1, 'SYN', 'ACK')).verdict, 'the answer').toBe('redirect');
    expect(pair.forth(tcp(1, 80, 'ACK')).verdict).toBe('redirect');
  });

  test('are not what others open to it', async () => {
    using pair = await shop({ connections: 0 });
    expect(pair.receive(pair.b, toPod(pair.b, NODE, udp(1, 53))).verdict).toBe('pass');
    expect(pair.receive(pair.b, toPod(pair.b, WORLD, udp(1, 53)), true).verdict).toBe('pass');
    expect(pair.forth(udp(1, 53)).verdict).toBe('tenant-connections');
  });

  test('cost nobody but the tenant: an attack by one, and another beside it', async () => {
    using pair = await Pair.unrestricted({ config: { ...quota(4_000), ctGuaranteed: 8, ctCommon: 200 } });
    const flood = (): string[] => times(1_000, (port) => pair.send(pair.a, fromPod(pair.a, NODE, udp(port, 53))));
    const other = (): string[] => times(100, (port) => pair.send(pair.b, fromPod(pair.b, NODE, udp(port, 53))));
    say(pair, { [FRONTEND]: limit(pair, 'flood', { connections: 50 }), [BACKEND]: limit(pair, 'quiet', {}) });
    const refused = flood();
    expect(passed(refused)).toBe(50);
    expect(new Set(refused.slice(50))).toEqual(new Set(['tenant-connections']));
    expect(passed(other())).toBe(100);
    // Without the limit, what is common is gone.
    say(pair, { [FRONTEND]: limit(pair, 'flood', {}) });
    await pair.expire();
    pair.datapath.collect({ ...quota(4_000), ctGuaranteed: 8, ctCommon: 200 });
    flood();
    expect(passed(other())).toBe(8);
  });

  test('are given back when they go, and counted anew', async () => {
    using pair = await shop({ connections: 3 }, quota(100));
    times(3, (port) => pair.forth(udp(port, 80)));
    await pair.expire((_entry, key) => key.port.includes(1));
    expect(pair.forth(udp(9, 80)).verdict).toBe('tenant-connections');
    pair.datapath.collect(quota(100));
    expect(account(pair).used).toEqual([2, 0]);
    expect(times(2, (port) => pair.forth(udp(port + 20, 80)))).toEqual(['redirect', 'tenant-connections']);
    // Whatever was counted wrong.
    for (const used of [
      [0, 0],
      [77, 9],
    ] as const) {
      pair.datapath.tenantAccounts.set(tenantNumber('shop'), { ...account(pair), used: [...used] });
      pair.datapath.collect(quota(100));
      expect(account(pair).used).toEqual([3, 0]);
    }
  });

  test('are those of whom the namespace belongs to now, once they are counted anew', async () => {
    using pair = await shop({ connections: 3 });
    times(3, (port) => pair.forth(udp(port, 80)));
    const row = limit(pair, 'heir', { connections: 4 });
    say(pair, { [FRONTEND]: row, [BACKEND]: row });
    pair.datapath.collect();
    expect([account(pair).used, account(pair, 'heir').used]).toEqual([
      [0, 0],
      [3, 0],
    ]);
    expect(times(2, (port) => pair.forth(udp(port + 20, 80)))).toEqual(['redirect', 'tenant-connections']);
  });

  test('of pods elsewhere count at the receiver', async () => {
    using lab = await OverlayLab.create();
    const row = limit(lab, 'shop', { connections: 2 });
    say(lab, { [REMOTE]: row, [FRONTEND]: row, [BACKEND]: row });
    expect(times(3, (port) => lab.hear(udp(port, 8080)))).toEqual(['redirect', 'redirect', 'tenant-connections']);
  });

  test('what its pod is refused by itself costs the tenant nothing', async () => {
    using pair = await shop({ connections: 10, interval: 1_000 }, quota(3));
    times(3, (port) => pair.forth(udp(port, 80)));
    const { turn } = account(pair);
    expect(new Set(times(20, (port) => pair.forth(udp(port + 20, 80))))).toEqual(new Set(['ct-quota']));
    expect(account(pair)).toMatchObject({ used: [3, 0], turn });
  });

  test('an account that is gone closes, and says that it must not be', async () => {
    using pair = await shop({ connections: 10 });
    pair.datapath.tenantAccounts.delete(tenantNumber('shop'));
    expect(pair.forth(udp(1, 80)).verdict).toBe('internal');
  });
});

describe('new connections a second', () => {
  const PER_SECOND = 20;
  const interval = 1e9 / PER_SECOND;

  test('come as many at once, and then each in its turn', async () => {
    using pair = await shop({ interval });
    const began = process.hrtime.bigint();
    const verdicts = times(2_000, (port) => pair.forth(tcp(port, 80, 'SYN')));
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    expect(passed(verdicts)).toBeGreaterThanOrEqual(PER_SECOND);
    expect(passed(verdicts)).toBeLessThanOrEqual(PER_SECOND * (1 + seconds) + 1);
    expect(new Set(verdicts.filter((verdict) => verdict !== 'redirect'))).toEqual(new Set(['tenant-rate']));
    expect(pair.back(tcp(80, 1, 'SYN', 'ACK')).verdict, 'the answer').toBe('redirect');
    // An hour without any is worth no more than a second.
    pair.datapath.tenantAccounts.set(tenantNumber('shop'), { ...account(pair), turn: 1 });
    const again = process.hrtime.bigint();
    const next = times(200, (port) => pair.forth(tcp(port + 3_000, 80, 'SYN')));
    const later = Number(process.hrtime.bigint() - again) / 1e9;
    expect(passed(next)).toBeLessThanOrEqual(PER_SECOND * (1 + later) + 1);
  });

  test('one that is opened again is one more, and so is one that begins in mid-stream', async () => {
    using pair = await shop({ interval });
    pair.forth(tcp(1, 80, 'SYN'));
    const full = (): void =>
      pair.datapath.tenantAccounts.set(tenantNumber('shop'), { ...account(pair), turn: Number.MAX_SAFE_INTEGER });
    full();
    expect(pair.forth(tcp(1, 80, 'SYN')).verdict, 'a repeated request').toBe('redirect');
    pair.back(tcp(80, 1, 'RST', 'ACK'));
    expect(pair.forth(tcp(1, 80, 'SYN')).verdict).toBe('tenant-rate');
    expect(pair.forth(tcp(7, 80, 'ACK')).verdict).toBe('tenant-rate');
  });
});

describe('the ports of the node towards the world', () => {
  test('are those of all its pods; inside it opens what it likes', async () => {
    using pair = await shop({ natPorts: 2 });
    const out = (port: number) => pair.send(pair.a, fromPod(pair.a, WORLD, udp(port, 53)));
    expect(out(1).verdict).toBe('redirect');
    expect(pair.send(pair.b, fromPod(pair.b, WORLD, udp(1, 53))).verdict).toBe('redirect');
    expect(out(2).verdict).toBe('tenant-nat-ports');
    expect(account(pair).used, 'what was refused is given back').toEqual([2, 2]);
    expect(pair.forth(udp(3, 53)).verdict).toBe('redirect');
    expect(pair.arrive(fromWorld(WORLD, NODE, udp(53, 1))).action, 'nothing else changes').not.toBe('drop');
  });

  test('are given back with the connection', async () => {
    using pair = await shop({ natPorts: 1 });
    const out = (port: number) => pair.send(pair.a, fromPod(pair.a, WORLD, udp(port, 53))).verdict;
    expect([out(1), out(2)]).toEqual(['redirect', 'tenant-nat-ports']);
    await pair.expire();
    pair.datapath.collect({ enableMasquerade: true });
    expect(account(pair).used).toEqual([0, 0]);
    expect([out(3), out(4)]).toEqual(['redirect', 'tenant-nat-ports']);
  });
});

describe('events about flows', () => {
  const NEVER = Number.MAX_SAFE_INTEGER;
  const REFUSED = 53;
  const drops = (pair: Pair, pod: LabPod, times: number): void => {
    const to = pod === pair.a ? B : A;
    pair.datapath.run(pod.programs.fromPod, fromPod(pod, to, udp(1, REFUSED)), { repeat: times });
  };
  const by = (events: readonly Event[], id: number) =>
    events.filter(({ sourceEndpoint }) => sourceEndpoint === id).length;

  /** Nothing that its pods send is allowed, and nothing that is sent to them. */
  async function mute(
    a: FloorRow | undefined,
    b: FloorRow | undefined,
    options: Parameters<typeof Pair.create>[0] = {},
  ) {
    const pair = await Pair.create({ a: [], b: [], ...options });
    pair.own(pair.a);
    pair.own(pair.b);
    say(pair, { [FRONTEND]: a ?? UNASSIGNED_ROW, [BACKEND]: b ?? UNASSIGNED_ROW });
    pair.datapath.events();
    return pair;
  }

  test('cost nobody but the tenant, and what is not told is counted, exactly', async () => {
    using pair = await mute(undefined, undefined);
    const PER_SECOND = 20;
    const flood = limit(pair, 'flood', { eventInterval: 1e9 / PER_SECOND });
    say(pair, { [FRONTEND]: flood, [BACKEND]: limit(pair, 'quiet', { eventInterval: 1e9 / 1_000 }) });
    const began = process.hrtime.bigint();
    drops(pair, pair.a, 3_000);
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    drops(pair, pair.b, 200);
    const events = pair.datapath.events();
    const told = by(events, 1);
    expect(told).toBeGreaterThanOrEqual(PER_SECOND);
    expect(told).toBeLessThanOrEqual(PER_SECOND * (1 + seconds) + 1);
    expect(by(events, 2)).toBe(200);
    const untold = 3_000 - told;
    expect([account(pair, 'flood').untold, account(pair, 'quiet').untold]).toEqual([untold, 0]);
    expect([1, 2].map((id) => pair.datapath.missedEvents(id))).toEqual([untold, 0]);
    expect([1, 2].map((id) => pair.datapath.accounts.beyondTenant(endpointId(id)))).toEqual([untold, 0]);
    expect(pair.datapath.eventLoss()).toEqual({ lost: 0, suppressed: 0, beyond: untold });
  });

  test('are of each share apart: a pod that floods with one hides nothing of the others', async () => {
    using pair = await mute(undefined, undefined, { a: [allow('egress', BACKEND, UDP, 80)], b: EVERYTHING });
    const row = limit(pair, 'shop', { eventInterval: 1 });
    say(pair, { [FRONTEND]: row, [BACKEND]: row });
    pair.datapath.tenantAccounts.set(tenantNumber('shop'), { ...account(pair), eventOut: [0, NEVER, 0] });
    expect(pair.forth(udp(1, REFUSED)).events).toEqual([]);
    expect(pair.forth(udp(1, 80)).events).toMatchObject([{ type: 'open' }]);
    const forged = fromPod(pair.a, B, udp(1, 80), { ip: { source: parseAddr('10.244.1.99') } });
    expect(pair.send(pair.a, forged).events).toMatchObject([{ reason: 'spoofed-ip' }]);
    expect(account(pair).untold).toBe(1);
  });

  test('are not used up by what others send to its pods', async () => {
    using pair = await mute(undefined, undefined);
    say(pair, { [FRONTEND]: limit(pair, 'shop', { eventInterval: 1 }) });
    const full = (more: Partial<TenantAccount>): void =>
      pair.datapath.tenantAccounts.set(tenantNumber('shop'), { ...account(pair), ...more });
    const inwards = () => pair.arrive(fromWorld(WORLD, A, udp(1, REFUSED))).events.length;
    const outwards = () => pair.forth(udp(1, REFUSED)).events.length;
    full({ eventIn: [NEVER, NEVER, NEVER] });
    expect([inwards(), outwards()]).toEqual([0, 1]);
    expect(pair.datapath.accounts.beyondTenant(endpointId(1)), 'its own pod’s').toBe(1);
    full({ eventIn: [0, 0, 0], eventOut: [NEVER, NEVER, NEVER] });
    expect([inwards(), outwards()]).toEqual([1, 0]);
  });

  test('of pods elsewhere are their tenant’s, at the receiver, too', async () => {
    using lab = await OverlayLab.create();
    const rows = {
      [REMOTE]: limit(lab, 'flood', { eventInterval: 1 }),
      [BACKEND]: limit(lab, 'shop', { eventInterval: 1 }),
    };
    say(lab, rows);
    lab.datapath.tenantAccounts.set(tenantNumber('flood'), {
      ...account(lab, 'flood'),
      eventOut: [NEVER, NEVER, NEVER],
    });
    const before = account(lab);
    expect(lab.hear(udp(1, 8080))).toMatchObject({ action: 'drop', events: [] });
    expect(account(lab), 'the receiver’s').toEqual(before);
    expect(account(lab, 'flood').untold).toBe(1);
    expect([lab.datapath.missedEvents(2), lab.datapath.accounts.beyondTenant(endpointId(2))]).toEqual([1, 0]);
    say(lab, { [REMOTE]: UNASSIGNED_ROW });
    expect(lab.hear(udp(2, 8080)).events).toMatchObject([{ reason: 'tenant-boundary', sourceIdentity: REMOTE }]);
    expect(account(lab), 'who is of none pays for none').toEqual(before);
  });

  test('that its pod may not tell cost the tenant nothing, nor what it may not tell the pod', async () => {
    using pair = await mute(undefined, undefined, { config: { eventRate: 8 } });
    const row = limit(pair, 'shop', { eventInterval: 1e9 / 1_000 });
    say(pair, { [FRONTEND]: row, [BACKEND]: row });
    drops(pair, pair.a, 2_000);
    drops(pair, pair.b, 4);
    const events = pair.datapath.events();
    expect(by(events, 2)).toBe(4);
    expect(by(events, 1) + pair.datapath.missedEvents(1)).toBe(2_000);
    expect([account(pair).untold, pair.datapath.eventLoss().beyond]).toEqual([0, 0]);
    pair.datapath.tenantAccounts.set(tenantNumber('shop'), { ...account(pair), eventOut: [NEVER, NEVER, NEVER] });
    drops(pair, pair.b, 2_000);
    say(pair, { [BACKEND]: UNASSIGNED_ROW });
    drops(pair, pair.b, 1);
    expect(by(pair.datapath.events(), 2)).toBe(1);
    expect(account(pair).untold).toBe(2_000);
  });
});
