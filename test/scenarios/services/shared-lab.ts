import { playScenes, type Scenes } from '../play.ts';
import { useLab } from './lab.ts';

/** Of all scenes that one file of tests plays. */
export const lab = useLab();

export const play = (scenes: Scenes): void => playScenes(scenes);
