import { describe } from 'vitest';

/** By what they are about: modules whose tests are said while they load. */
export type Scenes = Readonly<Record<string, () => Promise<unknown>>>;

/**
 * Scenes of several files one after the other, which share a sandbox: to bring one up takes longer than most of them. `begin`
 * may say what belongs to each.
 */
export function playScenes(scenes: Scenes, begin: () => void = () => undefined): void {
  for (const [what, load] of Object.entries(scenes)) {
    describe(what, async () => {
      begin();
      await load();
    });
  }
}
