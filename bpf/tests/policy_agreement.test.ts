import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ArbitraryOptions, arbitraryCase } from '../../test/policy-cases/arbitrary.ts';
import { CompiledEngine } from '../../test/policy-cases/engine-compiled.ts';
import { KernelEngine, KernelNodes } from '../../test/policy-cases/engine-kernel.ts';
import { OracleEngine } from '../../test/policy-cases/engine-oracle.ts';

const FLOWS = 50;

let nodes: KernelNodes;
beforeAll(() => {
  nodes = new KernelNodes();
});
afterAll(() => nodes[Symbol.dispose]());

test.each<[string, number, ArbitraryOptions]>([
  ['any tiers', 150, {}],
  ['NetworkPolicy only', 60, { networkPolicyOnly: true }],
])(
  'oracle, compiled tables and the kernel agree: %s, %i worlds with 50 connections each',
  async (_name, worlds, options) => {
    const seen = { allow: 0, deny: 0 };
    await fc.assert(
      fc.asyncProperty(arbitraryCase({ ...options, flows: FLOWS }), async ({ world, flows }) => {
        const engines = [new OracleEngine(), new CompiledEngine(), new KernelEngine(nodes)];
        for (const engine of engines) await engine.setUp(world);
        for (const flow of flows) {
          const verdicts = [];
          for (const engine of engines) verdicts.push(await engine.verdict(flow));
          const [oracle, ...others] = verdicts;
          for (const other of others) {
            expect(other.verdict, `${oracle?.why} | ${other.why} | ${JSON.stringify(flow)}`).toBe(oracle?.verdict);
          }
          if (oracle !== undefined) seen[oracle.verdict] += 1;
        }
      }),
      { numRuns: worlds },
    );
    // Both answers are common, or the test says little.
    expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan((worlds * FLOWS) / 10);
  },
);
