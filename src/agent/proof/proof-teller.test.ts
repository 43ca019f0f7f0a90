import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { VerifyView } from '../../api/index.ts';
import { Lifecycle, silentLogger } from '../../base/index.ts';
import { FakeClock } from '../../base/testkit.ts';
import { ObjectProblems } from '../../cluster/index.ts';
import type { SaidProof } from '../../model/index.ts';
import { ProofTeller } from './proof-teller.ts';

const proved: VerifyView = {
  node: 'node-1',
  at: '2026-01-01T00:00:00Z',
  revision: 1,
  tookMs: 1,
  good: true,
  tenants: [{ name: 'shop', generation: 3 }],
  differences: [],
  more: 0,
  pairs: [],
  counts: { tenants: 1, identities: 0, endpoints: 0, policies: 0 },
};

it('says why the cluster does not hear of a proof, on the Node when that lasts, and goes on trying', async () => {
  const clock = new FakeClock();
  const problems = new ObjectProblems();
  const heard: SaidProof[] = [];
  let fault: Error | undefined;
  const say = async (_node: object, proof: SaidProof): Promise<void> => {
    if (fault !== undefined) throw fault;
    heard.push(proof);
  };
  const teller = new ProofTeller({
    store: { say },
    node: () => ({ name: 'node-1', uid: 'u' }),
    limited: async () => [],
    ineffective: async () => [],
    problems,
    clock,
    log: silentLogger,
  });
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  await lifecycle.start(teller);
  const pass = async (ms: number): Promise<void> => {
    for (let gone = 0; gone < ms; gone += 500) {
      await clock.advance(500);
      await setImmediate();
    }
  };
  teller.tell(proved);
  await pass(1_000);
  expect([heard.length, teller.problem]).toEqual([1, undefined]);

  fault = new Error('may not');
  const next: VerifyView = { ...proved, tenants: [{ name: 'shop', generation: 4 }] };
  teller.tell(next);
  await setImmediate();
  expect(teller.problem).toBe('may not');
  expect(problems.take(), 'it may be just now').toEqual([]);
  await pass(300_000);
  const subject = { apiVersion: 'v1', kind: 'Node', namespace: '', name: 'node-1', uid: 'u' };
  const message = expect.stringContaining('may not');
  expect(problems.take(), 'once, however long').toEqual([{ subject, problems: [{ reason: 'ProofNotTold', message }] }]);

  fault = undefined;
  await pass(60_000);
  expect(teller.problem).toBeUndefined();
  expect(heard.at(-1)?.tenants).toEqual(new Map([['shop', 4]]));
  fault = new Error('again');
  teller.tell(proved);
  await pass(300_000);
  expect(problems.take()).toHaveLength(1);
  await lifecycle.stop();
});

it('says the same again within two minutes, also on a node whose clock was set back', async () => {
  const clock = new FakeClock();
  const heard: SaidProof[] = [];
  const teller = new ProofTeller({
    store: { say: async (_node, proof) => void heard.push(proof) },
    node: () => ({ name: 'node-1', uid: 'u' }),
    limited: async () => [],
    ineffective: async () => [],
    problems: new ObjectProblems(),
    clock,
    log: silentLogger,
  });
  const lifecycle = new Lifecycle({ log: silentLogger, clock });
  await lifecycle.start(teller);
  const tell = async (at: string): Promise<void> => {
    teller.tell({ ...proved, at });
    await setImmediate();
  };
  await tell('2026-01-01T12:00:00Z');
  await clock.advance(60_000);
  await tell('2026-01-01T08:01:00Z');
  await clock.advance(60_000);
  await tell('2026-01-01T08:02:00Z');
  expect(heard.map(({ at }) => new Date(at).toISOString().slice(11, 16))).toEqual(['12:00', '08:02']);
  await lifecycle.stop();
});
