import { play } from '../services/shared-lab.ts';

/** What pods and their containers are promised. The first waits for every pod there is: later some are never ready. */
play({
  deployment: () => import('./deployment.scenes.ts'),
  'pod life': () => import('./pod-life.scenes.ts'),
  'pod contents': () => import('./pod-contents.scenes.ts'),
});
