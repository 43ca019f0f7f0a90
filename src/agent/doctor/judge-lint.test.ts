import { expect, test } from 'vitest';
import { judgeLint } from './judge-lint.ts';

test('what is hardly meant, with the field and what to do', () => {
  const finding = {
    severity: 'warning' as const,
    rule: 'selects-nobody',
    object: 'NetworkPolicy a/p',
    field: 'spec.podSelector',
    why: 'selects no pod',
    remedy: 'Compare.',
  };
  expect(judgeLint([finding])).toEqual([
    {
      severity: 'warning',
      check: 'policy lint',
      evidence: 'NetworkPolicy a/p, spec.podSelector: selects no pod',
      remedy: 'Compare.',
    },
  ]);
  expect(judgeLint([])).toMatchObject([{ severity: 'ok' }]);
});
