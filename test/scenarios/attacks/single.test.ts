import { play } from './shared-sandbox.ts';

/** Attacks on one node that the demonstration does not play. The first wants a log of flows that nobody filled before. */
play({
  'flow shares': () => import('./flow-shares.scenes.ts'),
  'hostile frames': () => import('./hostile-frames.scenes.ts'),
  'frames from outside': () => import('./from-outside.scenes.ts'),
  objects: () => import('./objects.scenes.ts'),
  'UDP to a former owner': () => import('./udp-reuse.scenes.ts'),
});
