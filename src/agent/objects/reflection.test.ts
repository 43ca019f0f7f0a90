import { expect, it } from 'vitest';
import { clockFinding } from './reflection.ts';

it('says of the clock what the server has shown, and nothing before it has', () => {
  const of = (ahead?: number) => clockFinding(ahead, 'https://s');
  expect(of()).toEqual({ problems: [], fine: 'not compared yet: the API server has not answered' });
  expect(of(-500)).toEqual({ problems: [], fine: 'that of the API server' });
  expect(of(600_000).problems).toEqual([expect.stringContaining('600 s ahead of that of https://s')]);
  expect(of(-600_000).problems).toEqual([expect.stringContaining('600 s behind')]);
});
