import { expect, it } from 'vitest';
import { judgeProof } from './judge-proof.ts';
import { bad } from './samples.ts';

it('is content with a proof that found nothing, and names what one found', () => {
  expect(bad(judgeProof({ problems: [], fine: 'proved 3 s ago' }))).toEqual([]);
  expect(bad(judgeProof({ problems: ['red -> blue is broken'], fine: '' }))).toEqual([
    'critical proof: red -> blue is broken',
  ]);
});
