import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EVERYTHING, type PolicyEntry } from '../../src/model/index.ts';
import { type Family, Prefix } from '../../src/net/index.ts';
import type { PolicySettings } from '../../src/policy/index.ts';
import { sampleKey } from '../../src/policy/samples.ts';
import { arbitraryFlow, arbitraryWorld } from '../../test/policy-cases/arbitrary.ts';
import { KernelEngine, KernelNodes } from '../../test/policy-cases/engine-kernel.ts';
import { OracleEngine } from '../../test/policy-cases/engine-oracle.ts';
import type { World } from '../../test/policy-cases/world.ts';

/** Prefixes around, beside and within the addresses that the flows go to, in either family. */
const prefix = fc
  .tuple(
    fc.constantFrom<[Family, bigint]>(
      [4, 0x0af4_0102n],
      [4, 0xcb00_7105n],
      [4, 0xac12_0003n],
      [6, 0xffff_cb00_7105n],
      [6, 0n],
      [6, 0x2001_0db8n << 96n],
    ),
    fc.integer({ min: 0, max: 128 }),
  )
  .map(([[family, value], length]) => Prefix.ofValue(family, value, family === 4 ? length % 33 : length));

/** A tenant whose pods have no part in the flows names these prefixes. */
function others(prefixes: readonly Prefix[]): PolicyEntry[] {
  return prefixes.map((own, rule) => ({
    subject: { kind: 'pods', namespace: { name: 'another' }, pods: EVERYTHING },
    direction: rule % 2 === 0 ? 'ingress' : 'egress',
    tier: 'network',
    order: 0,
    peers: [{ kind: 'prefix', prefix: own, except: [] }],
    ports: 'any',
    verdict: 'allow',
    isolates: true,
    origin: { kind: 'NetworkPolicy', name: 'another', direction: 'ingress', rule },
  }));
}

let nodes: KernelNodes;
beforeAll(() => {
  nodes = new KernelNodes();
});
afterAll(() => nodes[Symbol.dispose]());

test.each<[string, PolicySettings['cidrSelects']]>([
  ['pods and nodes too', ['pods', 'nodes']],
  ['addresses outside only', []],
])('no verdict depends on the prefixes that another tenant writes; CIDRs select %s', async (_name, cidrSelects) => {
  const seen = { allow: 0, deny: 0 };
  const cases = arbitraryWorld({ networkPolicyOnly: true }).chain((random) => {
    const world: World = { ...random, settings: { ...random.settings, enforcement: 'default', cidrSelects } };
    return fc.record({
      world: fc.constant(world),
      flows: fc.array(arbitraryFlow(world), { minLength: 15, maxLength: 15 }),
      steps: fc.array(fc.uniqueArray(prefix, { maxLength: 6, selector: String }), { minLength: 2, maxLength: 4 }),
    });
  });
  await fc.assert(
    fc.asyncProperty(fc.noBias(cases), async ({ world, flows, steps }) => {
      const oracle = new OracleEngine();
      await oracle.setUp(world);
      const kernel = new KernelEngine(nodes);
      for (const prefixes of [...steps, []]) {
        await kernel.setUp({ ...world, policies: new Map(world.policies).set(sampleKey('another'), others(prefixes)) });
        for (const flow of flows) {
          const expected = oracle.judge(flow);
          const found = await kernel.verdict(flow);
          expect(found.verdict, `${prefixes.join(' ')} | ${expected.why} | ${JSON.stringify(flow)}`).toBe(
            expected.verdict,
          );
          seen[found.verdict] += 1;
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan(200);
});
