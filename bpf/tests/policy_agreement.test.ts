import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addrFamily, PROTOCOL_NUMBERS, parseAddr } from '../../src/net/index.ts';
import { type ArbitraryOptions, arbitraryCase } from '../../test/policy-cases/arbitrary.ts';
import { CompiledEngine } from '../../test/policy-cases/engine-compiled.ts';
import { KernelEngine, KernelNodes } from '../../test/policy-cases/engine-kernel.ts';
import { OracleEngine } from '../../test/policy-cases/engine-oracle.ts';
import { TraceEngine } from '../../test/policy-cases/engine-trace.ts';
import type { Flow } from '../../test/policy-cases/world.ts';

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

const VIP = parseAddr('10.96.0.1');
const TRANSPORTS: readonly number[] = [PROTOCOL_NUMBERS.TCP, PROTOCOL_NUMBERS.UDP];

/** Every second connection that can be goes through a service, whose port says nothing about the backend's. */
function throughServices(flows: readonly Flow[]): Flow[] {
  return flows.flatMap((flow, index) => {
    if (addrFamily(flow.to.addr) !== 4 || flow.protocol === PROTOCOL_NUMBERS.ICMPv6) return [];
    const isServed = index % 2 === 0 && TRANSPORTS.includes(flow.protocol) && flow.from.kind === 'pod' && flow.port > 0;
    return [isServed ? { ...flow, frontend: { addr: VIP, port: 80 } } : flow];
  });
}

test('what policy trace says and the kernel agree, with services: 25 worlds', async () => {
  const seen = { allow: 0, deny: 0, served: 0 };
  await fc.assert(
    fc.asyncProperty(arbitraryCase({ flows: FLOWS, ipv6: false }), async ({ world, flows }) => {
      const [traced, kernel] = [new TraceEngine(), new KernelEngine(nodes)];
      for (const engine of [traced, kernel]) await engine.setUp(world);
      for (const flow of throughServices(flows)) {
        const [said, done] = [await traced.verdict(flow), await kernel.verdict(flow)];
        expect(said.verdict, `${said.why} | ${done.why} | ${JSON.stringify(flow)}`).toBe(done.verdict);
        seen[done.verdict] += 1;
        if (flow.frontend !== undefined) seen.served += 1;
      }
      await traced.close();
    }),
    { numRuns: 25 },
  );
  expect(Math.min(seen.allow, seen.deny, seen.served)).toBeGreaterThan((25 * FLOWS) / 10);
});
