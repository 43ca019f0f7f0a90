import { expect, it } from 'vitest';
import { survive } from '../../../src/demonstration/acts/survive.ts';
import { broken, collect, useSandbox } from './lab.ts';

const lab = useSandbox();

it('the agent is killed 20 times under load: nothing allowed is lost, nothing forbidden passes', async () => {
  const lines = await collect(survive(lab.stage, { kills: 20 }));
  expect(broken(lines)).toEqual([]);
  expect(lines.map((line) => line.id)).toEqual(['7.allowed', '7.forbidden', '7.kept']);
});
