import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { caseFiles, readCase } from '../../test/policy-cases/case-file.ts';
import { OracleEngine } from '../../test/policy-cases/engine-oracle.ts';
import { ENGINES } from '../../test/policy-cases/engines.ts';
import { runCase } from '../../test/policy-cases/run-case.ts';

const files = await caseFiles([path.join(import.meta.dirname, '../../test/policy-cases/fixtures')]);

describe.each(['oracle', 'compiled'])('policy cases, engine %s', (name) => {
  const makeEngine = ENGINES[name];
  test.each(files.map((file) => [path.basename(file, '.yaml'), file]))('%s', async (id, file) => {
    const policyCase = await readCase(file);
    expect(policyCase.id).toBe(id);
    expect(makeEngine && (await runCase(policyCase, makeEngine))).toEqual({ outcome: 'ok' });
  });
});

describe('the runner', () => {
  const [anyFile = ''] = files;
  const load = () => readCase(anyFile);
  const oracle = async () => new OracleEngine();

  test('says what was expected, what was found and who decided', async () => {
    const policyCase = await load();
    const wrong = policyCase.expect.map((flow) => ({
      ...flow,
      verdict: flow.verdict === 'allow' ? ('deny' as const) : ('allow' as const),
    }));
    const result = await runCase({ ...policyCase, expect: wrong.slice(0, 1) }, oracle);
    expect(result).toMatchObject({
      outcome: 'FAIL',
      reasons: [
        expect.stringMatching(
          /^step 0: x\/a -> x\/b TCP 80: expected allow, found deny \(ingress: denied by default: NetworkPolicy x\/deny-ingress/,
        ),
      ],
    });
  });

  test.each([
    [
      'a kind',
      { policies: [{ apiVersion: 'cilium.io/v2', kind: 'CiliumNetworkPolicy', metadata: { name: 'c' } }] },
      'CiliumNetworkPolicy is not supported',
    ],
    [
      'HTTP',
      { expect: [{ from: 'x/a', to: 'x/b', protocol: 'TCP', port: 80, http: {}, verdict: 'reset' as const }] },
      'HTTP policy is not supported',
    ],
    ['a precondition', { requires: 'host-firewall' }, 'requires host-firewall'],
  ])('skips what needs %s, and names it', async (_, change, reason) => {
    expect(await runCase({ ...(await load()), ...change }, oracle)).toEqual({ outcome: 'skip', reason });
  });

  test('fails where a flow names a backend and no service', async () => {
    const policyCase = await load();
    const [flow] = policyCase.expect;
    const wrong = {
      from: flow?.from ?? '',
      to: '10.96.0.1',
      port: 80,
      protocol: 'TCP',
      backend: 'x/b',
      verdict: 'allow',
    } as const;
    const reasons = ['10.96.0.1 is no address of a service'];
    expect(await runCase({ ...policyCase, expect: [wrong] }, oracle)).toEqual({ outcome: 'FAIL', reasons });
  });

  test('a case that expects nothing, or an object that is not there, is a failure', async () => {
    const policyCase = await load();
    expect(await runCase({ ...policyCase, expect: [] }, oracle)).toMatchObject({ outcome: 'FAIL' });
    const lost = {
      ...policyCase,
      expect: [{ from: 'x/lost', to: 'x/a', protocol: 'TCP', port: 80, verdict: 'deny' as const }],
    };
    expect(await runCase(lost, oracle)).toEqual({ outcome: 'FAIL', reasons: ['there is no pod x/lost'] });
  });
});
