import { expect, it } from 'vitest';
import { judgeAdmission } from './judge-admission.ts';

it('warns of an agent that may speak for other nodes', () => {
  expect(judgeAdmission(false)).toMatchObject([{ severity: 'ok', check: 'admission' }]);
  expect(judgeAdmission(true)).toMatchObject([
    { severity: 'warning', check: 'admission', remedy: expect.stringContaining('deploy/admission') },
  ]);
});
