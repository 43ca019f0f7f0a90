import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryCase, arbitraryFlow, arbitraryWorld } from '../../test/policy-cases/arbitrary.ts';
import { CompiledEngine } from '../../test/policy-cases/engine-compiled.ts';
import { OracleEngine } from '../../test/policy-cases/engine-oracle.ts';
import type { Flow, World } from '../../test/policy-cases/world.ts';
import { parseAddr } from '../net/index.ts';

async function agree(world: World, flows: readonly Flow[], compiled: CompiledEngine): Promise<void> {
  const oracle = new OracleEngine();
  await oracle.setUp(world);
  await compiled.setUp(world);
  for (const flow of flows) {
    const expected = oracle.judge(flow);
    const seen = compiled.judge(flow);
    expect(seen.verdict, `${expected.why} | ${seen.why} | ${JSON.stringify(flow)}`).toBe(expected.verdict);
  }
}

describe('compiled tables give the oracle’s verdicts', () => {
  test('any tiers, 300 worlds with 50 connections each', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryCase(), ({ world, flows }) => agree(world, flows, new CompiledEngine())),
      { numRuns: 300 },
    );
  });

  test('NetworkPolicy only, 150 worlds with 50 connections each', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryCase({ networkPolicyOnly: true }), ({ world, flows }) =>
        agree(world, flows, new CompiledEngine()),
      ),
      { numRuns: 150 },
    );
  });

  test('from one world to another by what changed', async () => {
    const pair = fc.noBias(fc.tuple(arbitraryWorld(), arbitraryWorld()));
    const worlds = pair.chain(([first, other]) => {
      const heirs = other.pods.map((pod, index) => ({ ...pod, name: `heir${index}` }));
      const guests = heirs.map((pod, index) => ({ ...pod, addrs: [parseAddr(`10.244.9.${index}`)] }));
      const second = { ...first, pods: [...first.pods.slice(1), ...guests] };
      const third = { ...first, pods: heirs, policies: new Map([...first.policies].slice(1)) };
      const fourth = { ...second, namespaces: other.namespaces };
      return fc.tuple(
        ...[first, second, third, first, fourth].map((world) =>
          fc
            .array(fc.noBias(arbitraryFlow(world)), { minLength: 20, maxLength: 20 })
            .map((flows) => ({ world, flows })),
        ),
      );
    });
    await fc.assert(
      fc.asyncProperty(worlds, async (steps) => {
        const compiled = new CompiledEngine();
        for (const { world, flows } of steps) await agree(world, flows, compiled);
      }),
      { numRuns: 100 },
    );
  });
});
