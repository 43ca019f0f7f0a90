import { expect, it } from 'vitest';
import { rawScene } from '../../../src/demonstration/acts/spoof.ts';
import { judgeCase, placesOf, podSource, sendCase } from '../../../src/demonstration/stage/frame-trial.ts';
import { hostileCases } from './hostile-frames.ts';
import { lab } from './shared-sandbox.ts';

it('drops frames that are odd, each at its own device for its own reason', async () => {
  const { attacker, scene, victim } = await rawScene(lab.stage);
  const places = placesOf(lab.stage, victim);
  const wrong: string[] = [];
  for (const one of hostileCases(scene)) {
    const { held, seen } = judgeCase(
      one,
      await sendCase(lab.stage, { source: podSource(lab.stage, attacker), one, places }),
    );
    if (!held) wrong.push(`${one.name} (expected ${one.reason}): ${seen}`);
  }
  expect(wrong).toEqual([]);
});
