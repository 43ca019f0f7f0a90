import { play } from './shared-lab.ts';

/** The ways to a service and to a port of the node. Those that end the agent come last. */
play({
  reach: () => import('./reach.scenes.ts'),
  'mirrored endpoints': () => import('./mirrored-endpoints.scenes.ts'),
  'same port': () => import('./same-port.scenes.ts'),
  fragments: () => import('./fragments.scenes.ts'),
  'host port': () => import('./host-port.scenes.ts'),
  unserved: () => import('./unserved.scenes.ts'),
});
