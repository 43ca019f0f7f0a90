import { describe, expect, test } from 'vitest';
import { endpointRow } from '../../src/datapath/maps/testkit.ts';
import { endpointId, identityId, ifindex, ruleId } from '../../src/model/index.ts';
import { type PolicyTableRow } from '../../src/model/testkit.ts';
import type { Addr } from '../../src/net/index.ts';
import { fromPod, fromWorld, toPod, udp } from './frames.ts';
import { allow, deny, NODE, OPEN, OTHER_NODE } from './lab.ts';
import { A, B, BACKEND, FRONTEND, Pair } from './pair.ts';

/** Identity of a prefix that a policy names. */
const CIDR = 16_777_300;

const at = (precedence: number, row: PolicyTableRow): PolicyTableRow => ({ ...row, precedence });

/** The peer's own rows, its CIDR's rows, and who wins. */
const COMBINATIONS: readonly (readonly [string, readonly PolicyTableRow[], boolean])[] = [
  ['neither names it', [], false],
  ['only its identity is allowed', [allow('egress', BACKEND)], true],
  ['only its CIDR is allowed', [allow('egress', CIDR)], true],
  ['CIDR denied with the larger precedence', [at(1, allow('egress', BACKEND)), at(2, deny('egress', CIDR))], false],
  ['CIDR denied with the smaller precedence', [at(2, allow('egress', BACKEND)), at(1, deny('egress', CIDR))], true],
  ['CIDR denied with equal precedence', [allow('egress', BACKEND), deny('egress', CIDR)], false],
  ['CIDR allowed with equal precedence', [deny('egress', BACKEND), allow('egress', CIDR)], false],
  ['CIDR allowed with the larger precedence', [at(1, deny('egress', BACKEND)), at(2, allow('egress', CIDR))], true],
  ['anybody is denied, the CIDR allowed with more', [at(1, deny('egress', 0)), at(2, allow('egress', CIDR))], true],
  ['anybody is allowed, the CIDR denied with more', [at(1, allow('egress', 0)), at(2, deny('egress', CIDR))], false],
];

function covered(pair: Pair, addr: Addr, id: number, device: number): void {
  pair.datapath.endpoints.set(
    addr,
    endpointRow({ endpoint: endpointId(id), ifindex: ifindex(device), cidrIdentity: identityId(CIDR) }),
  );
}

describe('a pod that is also judged by its address', () => {
  test.each(COMBINATIONS)('as the destination: %s', async (_name, rows, allowed) => {
    using pair = await Pair.create({ a: [OPEN.ingress, ...rows], b: [OPEN.ingress] });
    covered(pair, B, 2, 1002);
    expect(pair.forth(udp(1, 2)).verdict).toBe(allowed ? 'redirect' : 'policy-egress');
  });

  test.each(COMBINATIONS)('as the source: %s', async (_name, rows, allowed) => {
    const turned = rows.map((row): PolicyTableRow => {
      const peer = row.peer === BACKEND ? identityId(FRONTEND) : row.peer;
      return { ...row, direction: 'ingress', peer };
    });
    using pair = await Pair.create({ b: [OPEN.egress, ...turned] });
    covered(pair, A, 1, 1001);
    expect(pair.forth(udp(1, 2)).verdict).toBe(allowed ? 'redirect' : 'policy-ingress');
  });

  test('not while the switch is off', async () => {
    using pair = await Pair.create({ a: [allow('egress', CIDR)], config: { enableCidrSelects: false } });
    covered(pair, B, 2, 1002);
    expect(pair.forth(udp(1, 2)).verdict).toBe('policy-egress');
  });
});

describe('a node that is also judged by its address', () => {
  const byAddress: readonly PolicyTableRow[] = [allow('egress', CIDR), allow('ingress', CIDR)];

  test('another node', async () => {
    using pair = await Pair.create({ a: byAddress, b: byAddress });
    expect(pair.send(pair.a, fromPod(pair.a, OTHER_NODE, udp(1, 2))).verdict).toBe('policy-egress');
    pair.identify(`${OTHER_NODE}/32`, 6, CIDR);
    expect(pair.send(pair.a, fromPod(pair.a, OTHER_NODE, udp(1, 2))).verdict).toBe('redirect');
    expect(pair.arrive(fromWorld(OTHER_NODE, B, udp(3, 4))).verdict).toBe('redirect');
    expect(pair.receive(pair.b, toPod(pair.b, OTHER_NODE, udp(5, 6)), true).verdict).toBe('pass');
  });

  test('this node', async () => {
    using pair = await Pair.create({ a: byAddress, b: byAddress });
    expect(pair.receive(pair.b, toPod(pair.b, NODE, udp(1, 2))).verdict).toBe('policy-ingress');
    covered(pair, NODE, 0, 0);
    expect(pair.receive(pair.b, toPod(pair.b, NODE, udp(1, 2))).verdict).toBe('pass');
    expect(pair.send(pair.a, fromPod(pair.a, NODE, udp(1, 2))).verdict).toBe('pass');
  });
});

test('the rule of the row that decided is told', async () => {
  const byCidr = { ...at(2, allow('egress', CIDR)), rule: ruleId(77) };
  using pair = await Pair.create({ a: [at(1, deny('egress', BACKEND)), byCidr], b: [OPEN.ingress] });
  covered(pair, B, 2, 1002);
  expect(pair.forth(udp(1, 2)).events[0]?.rule).toEqual([1, 77]);
});
