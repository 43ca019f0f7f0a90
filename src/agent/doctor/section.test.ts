import { expect, it } from 'vitest';
import { bad } from './samples.ts';
import { section } from './section.ts';

it('a look that fails is a warning, not the end', async () => {
  const failing = await section('hooks', () => Promise.reject(new Error('EPERM')));
  expect(bad(failing)).toEqual(['warning hooks: could not be looked at: EPERM']);
  expect(await section('hooks', async () => [])).toEqual([]);
});
