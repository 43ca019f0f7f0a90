import { play } from './shared-lab.ts';

/** What becomes of services and their clients while they change, end, and are not what they should be. */
play({
  changes: () => import('./changes.scenes.ts'),
  endings: () => import('./endings.scenes.ts'),
  affinity: () => import('./affinity.scenes.ts'),
  'bad input': () => import('./bad-input.scenes.ts'),
});
