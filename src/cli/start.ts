/**
 * What `main.ts` starts. The one file of the command line that knows the composition roots: it loads them on demand, so that
 * nothing of the agent is read to print a version.
 */
import { run } from './run.ts';

await run(process.argv, {
  agent: () => import('../agent/main.ts'),
  operator: () => import('../operator/main.ts'),
  relay: () => import('../relay/main.ts'),
  ui: () => import('../ui/main.ts'),
  cni: () => import('../agent/boot/cni-files.ts'),
  sandbox: () => import('../sandbox/commands.ts'),
  attacks: () => import('../demonstration/index.ts'),
  demo: () => import('../demonstration/index.ts'),
});
