import fc from 'fast-check';
import { expect, test } from 'vitest';
import { arbitraryTenancies, type TenancyStep } from '../../test/policy-cases/arbitrary-tenancy.ts';
import { CompiledEngine } from '../../test/policy-cases/engine-compiled.ts';
import { OracleEngine, verdictKind } from '../../test/policy-cases/engine-oracle.ts';

const FLOWS = 5;

class Seen {
  readonly #counts = { allow: 0, floor: 0, policy: 0 };
  #shared = 0;

  compare({ world, flows }: TenancyStep, oracle: OracleEngine, compiled: CompiledEngine): void {
    for (const flow of flows) {
      const expected = oracle.judge(flow);
      const found = compiled.judge(flow);
      const kind = verdictKind(expected);
      if (verdictKind(found) !== kind) {
        expect.fail(`${expected.why} | ${found.why} | ${JSON.stringify([flow, world.tenancy])}`);
      }
      this.#counts[kind] += 1;
      this.#shared += expected.floor === 'shared' ? 1 : 0;
    }
  }

  /** Each is common, or the test says little. */
  expectAll(worlds: number): void {
    const { allow, floor, policy } = this.#counts;
    expect(Math.min(allow, floor, policy)).toBeGreaterThan((worlds * FLOWS) / 200);
    if (worlds > 1_000) expect(this.#shared).toBeGreaterThan(10);
  }
}

test('floor AND policy, as the plane writes them, is what the oracle of both says: 10,000 worlds', async () => {
  const seen = new Seen();
  await fc.assert(
    fc.asyncProperty(arbitraryTenancies({ worlds: 100, flows: FLOWS }), async (drawn) => {
      const [oracle, compiled] = [new OracleEngine(), new CompiledEngine()];
      const [first] = drawn;
      if (first !== undefined) await compiled.setUp(first.world);
      for (const one of drawn) {
        oracle.follow(one.world);
        compiled.followTenancy(one.world);
        seen.compare(one, oracle, compiled);
      }
      await compiled.close();
    }),
    { numRuns: 100, endOnFailure: true },
  );
  seen.expectAll(10_000);
});

test('and through the engine of a node, from one set of tenants to the next: 200 worlds', async () => {
  const seen = new Seen();
  await fc.assert(
    fc.asyncProperty(arbitraryTenancies({ worlds: 10, flows: FLOWS }), async (drawn) => {
      const [oracle, compiled] = [new OracleEngine(), new CompiledEngine()];
      for (const one of drawn) {
        oracle.follow(one.world);
        await compiled.setUp(one.world);
        seen.compare(one, oracle, compiled);
      }
      await compiled.close();
    }),
    { numRuns: 20, endOnFailure: true },
  );
  seen.expectAll(200);
});
