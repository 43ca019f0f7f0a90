import { errorMessage } from '../../src/base/index.ts';
import type { JsonObject } from '../../src/sandbox/apiserver/index.ts';
import { refusal } from './admission.ts';
import type { Expectation, PolicyCase } from './case-file.ts';
import type { Engine } from './engine.ts';
import { initialWorld, nextWorld, toFlow } from './fixture-world.ts';
import { unsupported } from './support.ts';
import type { World } from './world.ts';

export type CaseResult =
  | { readonly outcome: 'ok' }
  | { readonly outcome: 'skip'; readonly reason: string }
  /** Everything that was not as expected. */
  | { readonly outcome: 'FAIL'; readonly reasons: readonly string[] };

export async function runCase(policyCase: PolicyCase, makeEngine: () => Engine | Promise<Engine>): Promise<CaseResult> {
  const missing = unsupported(policyCase);
  if (missing !== undefined) return { outcome: 'skip', reason: missing };
  const reasons = admissionFailures(policyCase);
  if (policyCase.expect.length + policyCase.steps.length > 0)
    reasons.push(...(await flowFailures(policyCase, makeEngine)));
  else if (policyCase.admission.length === 0) reasons.push('the case expects nothing');
  return reasons.length === 0 ? { outcome: 'ok' } : { outcome: 'FAIL', reasons };
}

function admissionFailures({ admission }: PolicyCase): string[] {
  return admission.flatMap(({ policy, expect, why }, index) => {
    const refused = refusal(policy as JsonObject & { kind: string });
    const found = refused === undefined ? 'accept' : 'reject';
    return found === expect
      ? []
      : [`admission[${index}] (${why}): expected ${expect}, found ${found} ${refused ?? ''}`.trimEnd()];
  });
}

async function flowFailures(policyCase: PolicyCase, makeEngine: () => Engine | Promise<Engine>): Promise<string[]> {
  const engine = await makeEngine();
  const failures: string[] = [];
  try {
    let world = initialWorld(policyCase);
    failures.push(...(await stepFailures(engine, world, policyCase.expect, 'step 0')));
    for (const [index, step] of policyCase.steps.entries()) {
      world = nextWorld(world, step);
      failures.push(...(await stepFailures(engine, world, step.expect, `step ${index + 1} (${step.do ?? ''})`)));
    }
  } catch (error) {
    failures.push(errorMessage(error));
  } finally {
    await engine.close();
  }
  return failures;
}

async function stepFailures(
  engine: Engine,
  world: World,
  expectations: readonly Expectation[],
  step: string,
): Promise<string[]> {
  await engine.setUp(world);
  const failures = [];
  for (const expectation of expectations) {
    const { verdict, why } = await engine.verdict(toFlow(world, expectation));
    if (verdict === expectation.verdict) continue;
    const { from, to, protocol, port } = expectation;
    failures.push(
      `${step}: ${from} -> ${to} ${protocol} ${port ?? ''}: expected ${expectation.verdict}, found ${verdict} (${why})`,
    );
  }
  return failures;
}
