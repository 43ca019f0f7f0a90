/**
 * What `main.ts` starts. The one file of the command line that knows the composition roots: it loads them on demand, so that
 * nothing of the agent is read to print a version.
 */
import { keepCompiledCode, keepCompiledCodeBy } from '../base/compiled-code.ts';
import { EXIT } from './exit.ts';
import type { Roots } from './roots.ts';
import { run } from './run.ts';

const ROOTS: Roots = {
  agent: () => import('../agent/main.ts'),
  operator: () => import('../operator/main.ts'),
  relay: () => import('../relay/main.ts'),
  ui: () => import('../ui/main.ts'),
  cni: () => import('../agent/boot/cni-files.ts'),
  sandbox: () => import('../sandbox/commands.ts'),
  attacks: () => import('../demonstration/index.ts'),
  demo: () => import('../demonstration/index.ts'),
};

/** Runs the command line of this process. `keep`: leaves its compiled code to the next start. */
export async function start(keep?: () => void): Promise<void> {
  if (keep !== undefined) keepCompiledCodeBy(keep);
  const { argv } = process;
  await run(argv, ROOTS);
  // What failed ran little of its verb; what runs on has kept its own once it served.
  const isWhole = process.exitCode === undefined || process.exitCode === EXIT.good;
  if (isWhole && !Object.hasOwn(ROOTS, argv[2] ?? '')) keepCompiledCode();
}
