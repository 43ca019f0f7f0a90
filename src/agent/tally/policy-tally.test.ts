import { expect, it } from 'vitest';
import { EVENT_RECORD } from '../../datapath/index.ts';
import type { RuleOrigin } from '../../model/index.ts';
import { type EventChange, recordOf } from '../../observe/testkit.ts';
import { Membership } from '../../tenant/index.ts';
import { SYSTEM_SERVICES, tenantRow } from '../../tenant/testkit.ts';
import { PolicyTally } from './policy-tally.ts';
import { RuleCounts } from './rule-counts.ts';

function tally() {
  const origins = new Map<number, RuleOrigin>([
    [9, { kind: 'NetworkPolicy', namespace: 'shop', name: 'web', direction: 'ingress', rule: 0 }],
    [10, { kind: 'NetworkPolicy', namespace: 'plain', name: 'out', direction: 'egress', rule: 0 }],
    [11, { kind: 'AdminNetworkPolicy', name: 'all', direction: 'egress', rule: 0 }],
  ]);
  const pods = new Map([
    [1, 'shop'],
    [2, 'plain'],
  ]);
  const settings = { unassigned: 'Open', systemNamespaces: [], systemServices: SYSTEM_SERVICES } as const;
  const membership = new Membership([tenantRow('a', { claims: { names: ['shop'], prefix: undefined } })], settings);
  const policies = new PolicyTally({
    most: 16,
    keepMs: 1_000,
    now: () => 0,
    layout: EVENT_RECORD,
    origin: (id) => origins.get(id),
    hasPolicy: () => true,
    membership: () => membership,
    namespaceOf: (id) => pods.get(id),
    namespaces: () => new Set(pods.values()),
  });
  const see = (...changes: readonly EventChange[]): void => {
    for (const change of changes) policies.see(new DataView(recordOf(change).buffer), 0);
  };
  const lines = () =>
    policies
      .show()
      .map((line) => `${line.tenant} ${line.namespace} ${line.policy}: ${line.direction} ${line.verdict} ${line.count}`)
      .sort();
  return { see, lines, origins, pods, policies };
}

it('counts what rules allowed and denied for their policies', () => {
  const { see, lines } = tally();
  see(
    { rule: [9, 10] },
    { rule: [9, 11], type: 'renew' },
    { rule: [9, 10], type: 'close' },
    // What the other direction allowed has decided nothing, and what no rule allows is no policy's.
    { rule: [9, 10], type: 'drop', reason: 'policy-ingress' },
    { rule: [0, 11], type: 'drop', reason: 'policy-egress' },
    { rule: [0, 10], type: 'drop', reason: 'policy-ingress' },
    { rule: [9, 10], type: 'drop', reason: 'no-route' },
  );
  expect(lines()).toEqual([
    '_cluster _cluster AdminNetworkPolicy all: egress dropped 1',
    '_cluster _cluster AdminNetworkPolicy all: egress forwarded 1',
    '_unassigned plain NetworkPolicy plain/out: egress forwarded 1',
    'a shop NetworkPolicy shop/web: ingress dropped 1',
    'a shop NetworkPolicy shop/web: ingress forwarded 2',
  ]);
});

it('gives to whose number it was when it came, and counts what nobody has any more', () => {
  const { see, lines, origins, policies } = tally();
  see({ rule: [9, 10] });
  policies.fold();
  origins.set(9, { kind: 'NetworkPolicy', namespace: 'plain', name: 'new', direction: 'ingress', rule: 0 });
  see({ rule: [9, 77] });
  expect(lines()).toEqual([
    '_cluster _other _other: egress forwarded 1',
    '_unassigned plain NetworkPolicy plain/new: ingress forwarded 1',
    '_unassigned plain NetworkPolicy plain/out: egress forwarded 1',
    'a shop NetworkPolicy shop/web: ingress forwarded 1',
  ]);
});

it('counts what passed without a rule for the namespace of the pod that none selects', () => {
  const { see, lines, pods, policies } = tally();
  see(
    { rule: [0, 0] },
    { rule: [9, 0], type: 'renew' },
    // Told of by what came back: who opened is at its other end.
    { rule: [0, 10], sourceEndpoint: 1, destinationEndpoint: 2, isReply: true },
    // Of no pod of this node nobody knows whether a rule was there.
    { rule: [0, 0], sourceEndpoint: 0, destinationEndpoint: 0xffff },
    { rule: [0, 0], type: 'close' },
    { rule: [0, 0], type: 'drop', reason: 'policy-ingress' },
    { rule: [0, 0], type: 'drop', reason: 'no-route' },
  );
  expect(lines()).toEqual([
    '_unassigned plain NetworkPolicy plain/out: egress forwarded 1',
    '_unassigned plain _default: ingress forwarded 1',
    'a shop NetworkPolicy shop/web: ingress forwarded 1',
    'a shop _default: egress forwarded 2',
    'a shop _default: ingress forwarded 1',
  ]);
  // What was folded stays with whose it was; what comes later of one that is gone is nobody's.
  see({ rule: [9, 0] });
  policies.fold();
  pods.delete(1);
  see({ rule: [9, 0] });
  expect(lines().filter((line) => line.includes('egress'))).toEqual([
    '_cluster _other _other: egress forwarded 1',
    '_unassigned plain NetworkPolicy plain/out: egress forwarded 1',
    'a shop _default: egress forwarded 3',
  ]);
});

it('counts any numbers, those that meet too', () => {
  const counts = new RuleCounts();
  const ids = Array.from({ length: 40 }, (_, index) => (1 + index * 8_192) >>> 0).concat(0xffff_ffff, 0xffff_fffe);
  for (const round of [1, 2]) {
    for (const [index, id] of ids.entries()) for (let times = 0; times <= index; times += 1) counts.add(id);
    expect(new Map(counts.take()), String(round)).toEqual(new Map(ids.map((id, index) => [id, index + 1])));
  }
  expect(counts.take()).toEqual([]);
});
