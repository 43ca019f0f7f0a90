import { afterAll } from 'vitest';
import { playScenes, type Scenes } from '../play.ts';
import { useSandbox } from './lab.ts';

/** Of all scenes that one file of tests plays. */
export const lab = useSandbox();

/** Each finds the tenants of the example and nothing else. */
export const play = (scenes: Scenes): void => playScenes(scenes, () => afterAll(() => lab.stage.clear()));
