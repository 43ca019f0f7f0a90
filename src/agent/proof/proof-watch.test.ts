import { expect, test } from 'vitest';
import type { VerifyView } from '../../api/index.ts';
import { errorTable, Lifecycle, silentLogger } from '../../base/index.ts';
import { createRegistry } from '../../base/metrics.ts';
import { FakeClock } from '../../base/testkit.ts';
import { ProofWatch } from './proof-watch.ts';

const errors = errorTable({ E_PLANE_UNSETTLED: { what: 'it changes all the time', remedy: 'Ask again.' } });

const view = (parts: Partial<VerifyView> = {}): VerifyView => ({
  node: 'node-1',
  at: '2026-01-01T00:00:00.000Z',
  revision: 1,
  tookMs: 20,
  good: true,
  tenants: [],
  counts: { tenants: 0, identities: 0, endpoints: 0, policies: 0 },
  pairs: [{ from: 'red', to: '', standing: 'isolated', shares: 0 }],
  differences: [],
  more: 0,
  ...parts,
});

const TENANCY = {};
const alone = {
  teller: { start: async () => undefined, tell: () => undefined, problem: undefined },
  tenancy: () => TENANCY,
};

const alarm: VerifyView['differences'][number] = {
  layer: 'policy',
  effect: 'opens',
  from: 'a/x',
  to: 'b/y',
  packets: 'TCP 8080',
  pairs: 1,
  rows: ['policy row: table 5, group 77, TCP 8080: allow (no rule)'],
  meant: ['nothing'],
};

test('says what the last proof found, how old it is, and goes on saying it while there is no newer one', async () => {
  const clock = new FakeClock(1_000_000);
  const registry = createRegistry();
  let answer = async (): Promise<VerifyView> => view();
  const verifier = { everybody: async () => ({ view: await answer(), proved: undefined }) };
  const watch = new ProofWatch({ verifier, engine: { converged: true }, ...alone, registry, clock, log: silentLogger });
  expect(watch.standing).toEqual({ problems: [], fine: 'not proved yet' });
  await watch.prove();
  await clock.advance(3_000);
  expect(watch.standing).toEqual({
    problems: [],
    fine: 'the kernel is as it is meant, 1 pairs of tenants, proved 3 s ago',
  });
  answer = async () =>
    view({ good: false, differences: [alarm], pairs: [{ from: 'red', to: '', standing: 'broken', shares: 0 }] });
  await watch.prove();
  const problems = [
    'red -> (none) is broken',
    'policy, a/x -> b/y TCP 8080: policy row: table 5, group 77, TCP 8080: allow (no rule)',
  ];
  expect(watch.standing.problems).toEqual(problems);
  const metrics = await registry.metrics();
  expect(metrics).toContain('membrane_proof_differences{layer="policy"} 1');
  expect(metrics).toContain('membrane_proof_age_seconds 0');
  await clock.advance(301_000);
  expect(watch.standing.problems).toEqual([...problems, 'the last proof is 301 s old']);
});

test('proves each minute once decisions are in the kernel, and says when it could not for long', async () => {
  const clock = new FakeClock(1_000_000);
  const engine = { converged: false };
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  let tenancy = {};
  let answer = async (): Promise<VerifyView> => view();
  let proofs = 0;
  const everybody = async () => {
    proofs += 1;
    return { view: await answer(), proved: undefined };
  };
  const watch = new ProofWatch({
    verifier: { everybody },
    engine,
    ...alone,
    tenancy: () => tenancy,
    registry: createRegistry(),
    clock,
    log: silentLogger,
  });
  await lifecycle.start(watch);
  for (let i = 0; i < 61; i += 1) await clock.advance(5_000);
  expect(proofs).toBe(0);
  expect(watch.standing.problems).toEqual(['nothing could be proved since the agent began']);
  engine.converged = true;
  await clock.advance(5_000);
  expect([proofs, watch.standing.problems]).toEqual([1, []]);
  for (let i = 0; i < 36; i += 1) await clock.advance(5_000);
  expect(proofs).toBe(4);
  tenancy = {};
  await clock.advance(5_000);
  expect(proofs).toBe(5);
  await clock.advance(5_000);
  expect(proofs).toBe(5);
  const error = errors.make('E_PLANE_UNSETTLED');
  answer = async () => await Promise.reject(error);
  for (let i = 0; i < 24; i += 1) await clock.advance(5_000);
  expect(watch.standing.problems).toEqual([]);
  answer = async () => await Promise.reject(new Error('no memory'));
  for (let i = 0; i < 24; i += 1) await clock.advance(5_000);
  expect(watch.standing.problems).toEqual(['nothing can be proved: no memory']);
  await lifecycle.stop();
});

test('proves each minute, and says how old a proof is, whatever the wall clock is set to', async () => {
  const clock = new FakeClock(10_000_000);
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  const registry = createRegistry();
  let proofs = 0;
  const everybody = async () => {
    proofs += 1;
    return { view: view(), proved: undefined };
  };
  const watch = new ProofWatch({
    verifier: { everybody },
    engine: { converged: true },
    ...alone,
    registry,
    clock,
    log: silentLogger,
  });
  await lifecycle.start(watch);
  await clock.advance(5_000);
  clock.set(-3_600_000);
  await clock.advance(3_000);
  expect(watch.standing.fine).toContain('proved 3 s ago');
  expect(await registry.metrics()).toContain('membrane_proof_age_seconds 3\n');
  for (let i = 0; i < 24; i += 1) await clock.advance(5_000);
  expect(proofs).toBe(3);
  clock.set(7_200_000);
  expect([watch.standing.problems, watch.last.view?.node]).toEqual([[], 'node-1']);
  await lifecycle.stop();
});
