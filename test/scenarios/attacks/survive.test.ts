import { expect, it } from 'vitest';
import { survive } from '../../../src/demonstration/acts/survive.ts';
import { broken, collect, useSandbox } from './lab.ts';

const KILLS = Number(process.env['MEMBRANE_RESTARTS'] ?? 5);

const lab = useSandbox();

it(`the agent is killed ${KILLS} times under load: nothing allowed is lost, nothing forbidden passes`, async () => {
  const lines = await collect(survive(lab.stage, { kills: KILLS }));
  expect(broken(lines)).toEqual([]);
  expect(lines.map((line) => line.id)).toEqual(['7.allowed', '7.forbidden', '7.kept']);
});
