import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addrFamily, PROTOCOL_NUMBERS, parseAddr } from '../../src/net/index.ts';
import { type ArbitraryOptions, arbitraryCase } from '../../test/policy-cases/arbitrary.ts';
import { arbitraryTenancies } from '../../test/policy-cases/arbitrary-tenancy.ts';
import { caseFiles, readCase } from '../../test/policy-cases/case-file.ts';
import { CompiledEngine } from '../../test/policy-cases/engine-compiled.ts';
import { KernelEngine, KernelNodes } from '../../test/policy-cases/engine-kernel.ts';
import { OracleEngine, verdictKind } from '../../test/policy-cases/engine-oracle.ts';
import { TraceEngine } from '../../test/policy-cases/engine-trace.ts';
import { runCase } from '../../test/policy-cases/run-case.ts';
import type { Flow, World, WorldNode } from '../../test/policy-cases/world.ts';

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

test('floor AND policy: the oracle of both and the kernel agree, from one set of tenants to the next: 60 worlds', async () => {
  const seen = { allow: 0, policy: 0, floor: 0 };
  await fc.assert(
    fc.asyncProperty(arbitraryTenancies({ worlds: 6, flows: 20 }), async (steps) => {
      const [oracle, kernel] = [new OracleEngine(), new KernelEngine(nodes)];
      for (const { world, flows } of steps) {
        for (const engine of [oracle, kernel]) await engine.setUp(world);
        for (const flow of flows) {
          const [said, done] = [oracle.judge(flow), await kernel.verdict(flow)];
          const kind = verdictKind(said);
          expect(verdictKind(done), `${said.why} | ${done.why} | ${fc.stringify([flow, world.tenancy])}`).toBe(kind);
          seen[kind] += 1;
        }
      }
    }),
    { numRuns: 10, endOnFailure: true },
  );
  expect(Math.min(seen.allow, seen.policy, seen.floor)).toBeGreaterThan(0);
});

const files = await caseFiles([path.join(import.meta.dirname, '../../test/policy-cases/fixtures')]);

test.each(files.map((file) => [path.basename(file, '.yaml'), file]))(
  'policy case %s, in the kernel',
  async (_, file) => {
    expect(await runCase(await readCase(file), () => new KernelEngine(nodes))).toEqual({ outcome: 'ok' });
  },
);

const TRANSPORTS: readonly number[] = [PROTOCOL_NUMBERS.TCP, PROTOCOL_NUMBERS.UDP];

/** Where each kind of frontend is. */
const FRONTENDS = {
  ClusterIP: { addr: parseAddr('10.96.0.1'), port: 80 },
  NodePort: { addr: undefined, port: 30_080 },
  HostPort: { addr: undefined, port: 54_321 },
  ExternalIP: { addr: parseAddr('203.0.113.80'), port: 80 },
} as const;
type ServedBy = keyof typeof FRONTENDS;
const INSIDE = Object.keys(FRONTENDS) as ServedBy[];
/** Nobody out there has a cluster address. */
const OUTSIDE = INSIDE.filter((kind) => kind !== 'ClusterIP');

/** The node whose programs judge the flow. */
function judging(world: World, { from, to }: Flow): WorldNode | undefined {
  const pod = from.kind === 'pod' ? from.pod : to.kind === 'pod' ? to.pod : undefined;
  return world.nodes.find(({ name }) => name === pod?.node);
}

/** Two of three connections that can be go through a service of some kind, whose port says nothing about the backend's. */
function throughServices(world: World, flows: readonly Flow[]): Flow[] {
  return flows.flatMap((flow, index) => {
    if (addrFamily(flow.to.addr) !== 4 || flow.protocol === PROTOCOL_NUMBERS.ICMPv6) return [];
    const node = judging(world, flow);
    const own = node?.addrs.find((addr) => addrFamily(addr) === 4);
    // What the node itself asks for is turned at its sockets.
    const isOwn = flow.from.kind === 'node' && flow.from.node === node;
    if (index % 3 === 0 || !TRANSPORTS.includes(flow.protocol) || flow.port === 0 || isOwn) return [flow];
    const kinds = flow.from.kind === 'pod' ? INSIDE : OUTSIDE;
    const kind = kinds[Math.floor(index / 3) % kinds.length] ?? 'ExternalIP';
    const { addr = own, port } = FRONTENDS[kind];
    return addr === undefined ? [] : [{ ...flow, frontend: { kind, addr, port } }];
  });
}

test('what policy trace says and the kernel agree, with services of every kind: 25 worlds', async () => {
  const seen = { allow: 0, deny: 0, fromPods: 0, fromOutside: 0 };
  const kinds = new Set<string>();
  await fc.assert(
    fc.asyncProperty(arbitraryCase({ flows: FLOWS, ipv6: false }), async ({ world, flows }) => {
      const [traced, kernel] = [new TraceEngine(), new KernelEngine(nodes)];
      for (const engine of [traced, kernel]) await engine.setUp(world);
      for (const flow of throughServices(world, flows)) {
        const [said, done] = [await traced.verdict(flow), await kernel.verdict(flow)];
        expect(said.verdict, `${said.why} | ${done.why} | ${JSON.stringify(flow)}`).toBe(done.verdict);
        seen[done.verdict] += 1;
        if (flow.frontend === undefined) continue;
        seen[flow.from.kind === 'pod' ? 'fromPods' : 'fromOutside'] += 1;
        kinds.add(`${flow.from.kind === 'pod' ? 'inside' : 'outside'} ${flow.frontend.kind}`);
      }
      await traced.close();
    }),
    { numRuns: 25 },
  );
  expect(Math.min(seen.allow, seen.deny, seen.fromPods)).toBeGreaterThan((25 * FLOWS) / 10);
  expect(seen.fromOutside).toBeGreaterThan((25 * FLOWS) / 50);
  expect(kinds.size).toBe(INSIDE.length + OUTSIDE.length);
});
