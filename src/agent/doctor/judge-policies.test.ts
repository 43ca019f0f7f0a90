import { expect, it } from 'vitest';
import { judgePolicies } from './judge-policies.ts';

it('is content when all policies are in force as they are written', () => {
  expect(judgePolicies([])).toMatchObject([{ severity: 'ok', check: 'policies' }]);
});

it('names each policy that closes, and says how many more there are', () => {
  const many = Array.from({ length: 30 }, (_, n) => ({ name: `a/p${n}`, text: 'spec.x: Unknown field' }));
  const findings = judgePolicies(many);
  expect(findings[0]).toMatchObject({ severity: 'warning', evidence: 'a/p0: spec.x: Unknown field' });
  expect(findings.at(-1)?.evidence).toBe('14 more of these, at worst warning');
});
