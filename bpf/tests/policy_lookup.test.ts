import fc from 'fast-check';
import { expect, test } from 'vitest';
import { POLICY_PAIRS } from '../../src/model/gen/numbers.ts';
import { endpointId, identityId, policyRevision, ruleId } from '../../src/model/index.ts';
import { type PolicyTableRow, tableOf } from '../../src/model/testkit.ts';
import { portPrefixes } from '../../src/net/index.ts';
import { TableLookup } from '../../src/policy/ask/testkit.ts';
import { ping, sctp, tcp, udp } from './frames.ts';
import { OPEN } from './lab.ts';
import { BACKEND, ICMP, Pair, SCTP, TCP, UDP } from './pair.ts';

const PORTS = [1, 53, 79, 80, 81, 443, 8080, 32_767, 32_768, 65_535];

const row: fc.Arbitrary<PolicyTableRow> = fc
  .record({
    peer: fc.constantFrom(0, BACKEND, 999),
    protocol: fc.constantFrom(0, TCP, UDP, SCTP, ICMP),
    range: fc.tuple(fc.constantFrom(...PORTS), fc.constantFrom(...PORTS)),
    pick: fc.nat(20),
    open: fc.boolean(),
    allow: fc.boolean(),
    rule: fc.integer({ min: 1, max: 1000 }),
  })
  .map(({ peer, protocol, range, pick, open, allow, rule }) => {
    const prefixes = portPrefixes({ from: Math.min(...range), to: Math.max(...range) });
    const prefix = protocol === 0 || open ? undefined : prefixes[pick % prefixes.length];
    return {
      direction: 'egress',
      peer: identityId(peer),
      protocol,
      port: prefix?.port ?? 0,
      portBits: prefix?.bits ?? 0,
      verdict: allow ? 'allow' : 'deny',
      precedence: 1,
      rule: ruleId(rule),
    };
  });

/** One row for each key: the last written wins in the kernel, so there must be no two. */
const table = fc.uniqueArray(row, {
  maxLength: 12,
  selector: ({ peer, protocol, port, portBits }) => `${peer} ${protocol} ${port} ${portBits}`,
});

test('the kernel’s look-up is the one in TypeScript: exact ports, ranges, wildcards', async () => {
  using pair = await Pair.create({ b: [OPEN.ingress] });
  await fc.assert(
    fc.asyncProperty(table, async (rows) => {
      await pair.open(pair.a, rows);
      await pair.forgetConnections();
      const lookup = new TableLookup({ ingress: tableOf(rows, 'ingress'), egress: tableOf(rows, 'egress') });
      for (const port of PORTS) {
        for (const [protocol, transport] of [
          [TCP, tcp(9, port, 'SYN')],
          [UDP, udp(9, port)],
          [SCTP, sctp(9, port)],
          [ICMP, ping(port)],
        ] as const) {
          const asked = { direction: 'egress', peer: identityId(BACKEND), protocol } as const;
          const expected = lookup.judge({ ...asked, port: protocol === ICMP ? 0x0800 : port });
          const { verdict, events } = pair.forth(transport);
          expect(verdict, `${protocol}/${port}`).toBe(expected.verdict === 'allow' ? 'redirect' : 'policy-egress');
          expect(events[0]?.rule[1]).toBe(expected.rule);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('a revision allows nothing when its place is another’s, or nobody’s', async () => {
  using pair = await Pair.unrestricted();
  const own = pair.datapath.words.get(endpointId(pair.a.id))?.revision ?? 0;
  const verdictUnder = (revision: number): string => {
    pair.datapath.words.set(endpointId(pair.a.id), {
      identity: identityId(pair.a.identity),
      revision: policyRevision(revision),
    });
    return pair.forth(tcp(9, 80, 'SYN')).verdict;
  };
  expect(verdictUnder(own)).toBe('redirect');
  await pair.forgetConnections();
  expect(verdictUnder(own + POLICY_PAIRS)).toBe('policy-egress');
  expect(verdictUnder(0xffff_ffff)).toBe('policy-egress');
  expect(verdictUnder(own)).toBe('redirect');
});
