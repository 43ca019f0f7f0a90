import type { NodePlace } from '../../sandbox/index.ts';
import { attackErrors } from '../errors.ts';
import type { Stage } from './stage.ts';

/** Stops a node's agent where it is (SIGSTOP): it hears of nothing. Gives what lets it go on. Throws E_ATTACK_STAGE. */
export async function stopAgent(stage: Stage, { name }: NodePlace): Promise<() => Promise<void>> {
  const pid = await stage.sandbox.agentPid(name);
  if (pid === undefined) throw attackErrors.make('E_ATTACK_STAGE', { detail: `the agent of ${name} does not run` });
  const goOn = async (): Promise<void> => {
    process.kill(pid, 'SIGCONT');
  };
  stage.afterwards(goOn);
  process.kill(pid, 'SIGSTOP');
  return goOn;
}
