import { describe, expect, test } from 'vitest';
import { CONFIG_DOCS } from '../../src/datapath/gen/config.ts';
import { progInfo } from '../../src/datapath/kernel/syscall.ts';
import { SWITCHES } from '../../src/datapath/programs/switches.ts';
import { A6, B6 } from './drop-cases/case.ts';
import { fragmentsOf, fromPod, fromWorld, icmpError, ipv6Frame, toPod, udp } from './frames.ts';
import { NODE, quota, WORLD } from './lab.ts';
import { A, B, CLIENT, Pair, SERVICE } from './pair.ts';
import { PROFILES } from './profiles.ts';

/** Limit of translated instructions of a program that belongs to one endpoint. */
const ENDPOINT_BUDGET = 1000;

test('every switch of the datapath is on in one profile and off in another', () => {
  const switches = Object.keys(CONFIG_DOCS).filter((name) => name.startsWith('enable'));
  expect(SWITCHES.toSorted()).toEqual(switches.toSorted());
  for (const flag of SWITCHES) {
    expect(CONFIG_DOCS[flag], `${flag} says in config.h what it does`).not.toBe('');
    expect(new Set(PROFILES.map(({ flags }) => flags[flag])), flag).toEqual(new Set([true, false]));
  }
});

describe.each(PROFILES)('profile $name', ({ flags }) => {
  test('loads, and does what its switches say and nothing else', async () => {
    using pair = await Pair.create({ config: { ...flags, ...quota(flags.enablePolicy ? 100 : 0) } });
    expect(progInfo(pair.a.programs.fromPod).xlatedInstructions).toBeLessThan(ENDPOINT_BUDGET);
    expect(progInfo(pair.a.programs.toPod).xlatedInstructions).toBeLessThan(ENDPOINT_BUDGET);

    if (flags.enableOverlay) pair.datapath.load('overlay', ['from_overlay', 'to_overlay'] as const, pair.config);

    // Whoever is no match for the policy.
    const forbidden = pair.forth(udp(CLIENT, 81));
    expect(forbidden.action).toBe(flags.enablePolicy ? 'drop' : 'redirect');
    expect(forbidden.events.length).toBe(flags.enableEvents ? 1 : 0);

    // Addresses are checked whatever is on.
    expect(pair.forth(udp(CLIENT, SERVICE)).action).toBe('redirect');
    expect(pair.back(udp(SERVICE, CLIENT)).action).toBe('redirect');
    expect(pair.send(pair.a, fromPod(pair.a, B, udp(1, SERVICE), { ip: { source: B } })).action).toBe('drop');
    expect(pair.send(pair.a, fromPod(pair.a, B, udp(1, SERVICE), { ethernet: { vlan: 3 } })).action).toBe('drop');

    const [head] = fragmentsOf(A, B, udp(CLIENT, SERVICE, new Uint8Array(64)), 24);
    const fragment = pair.send(pair.a, fromPod(pair.a, B, head, { ip: { id: 5, moreFragments: true } }));
    expect(fragment.action).toBe(flags.enableFragments ? 'redirect' : 'drop');

    const error = pair.back(icmpError(A, B, udp(CLIENT, SERVICE)));
    expect(error.action).toBe(flags.enableIcmpErrors ? 'redirect' : 'drop');

    const outside = pair.send(pair.a, fromPod(pair.a, WORLD, udp(CLIENT, 53)));
    // What another proxy may turn passes the stack, and is masqueraded where it leaves that.
    const isDirect = flags.enableMasquerade && (flags.enableServices || !flags.enableStack);
    expect(outside.action).toBe(isDirect ? 'redirect' : 'pass');

    const delivered = flags.enableNative || flags.enableStack ? 'pass' : 'redirect';
    expect(pair.arrive(fromWorld(WORLD, B, udp(1, 53))).action).toBe(flags.enablePolicy ? 'drop' : delivered);
    expect(pair.receive(pair.b, toPod(pair.b, NODE, udp(1, 53))).action).toBe(flags.enablePolicy ? 'drop' : 'pass');

    expect(pair.send(pair.a, ipv6Frame(pair.a, A6, B6, udp(CLIENT, SERVICE))).action).toBe(
      flags.enableIpv6 ? 'redirect' : 'drop',
    );

    const forwarded = (await pair.datapath.counters()).filter(({ reason }) => reason === 'none');
    expect(forwarded.length > 0).toBe(flags.enableCounters);
    expect((await pair.datapath.drops()).length).toBeGreaterThan(0);
  });
});
