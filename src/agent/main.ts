import type { Settings } from '../base/configuration.ts';
import { EXIT, reportFailure, runProgram } from '../base/program.ts';
import { cleanup } from './boot/index.ts';
import { agentErrors } from './errors.ts';
import { startAgent } from './modules.ts';
import { type AgentConfig, configKeys, readConfig as readAgentConfig, takeLock } from './node/index.ts';

export { configKeys };

export type RunAgentOptions = {
  /** Default: the environment alone. */
  readonly settings?: Settings;
  /** Remove everything that an agent made on this node, instead of serving it. */
  readonly cleanup?: boolean;
  /** Ends the agent as SIGTERM does. */
  readonly signal?: AbortSignal;
};

/** The datapath goes on without it. Its exit code, see `runProgram`. */
export async function runAgent({ settings = {}, cleanup: isLast = false, signal }: RunAgentOptions): Promise<number> {
  const readConfig = () => readAgentConfig(settings);
  if (isLast) return await removeAll(readConfig);
  return await runProgram({ name: 'agent', readConfig, start: startAgent, hold, signal });
}

function hold({ stateDir }: AgentConfig): { release(): void } {
  if (process.geteuid?.() !== 0) throw agentErrors.make('E_AGENT_ROOT');
  return takeLock(stateDir);
}

async function removeAll(readConfig: () => AgentConfig): Promise<number> {
  let config: AgentConfig;
  try {
    config = readConfig();
  } catch (error) {
    return reportFailure('agent', error, EXIT.usage);
  }
  try {
    const removed = await cleanup(config);
    const lines =
      removed.length === 0 ? ['nothing of an agent was on this node'] : removed.map((one) => `removed ${one}`);
    process.stdout.write(`${lines.join('\n')}\n`);
    return EXIT.ok;
  } catch (error) {
    return reportFailure('agent', error, EXIT.failure);
  }
}
