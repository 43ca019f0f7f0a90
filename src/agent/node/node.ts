import { type Clock, type Logger, type Service, systemClock } from '../../base/index.ts';
import { createRegistry, type Registry } from '../../base/metrics.ts';
import type { AgentConfig } from './config.ts';
import { type Kernel, openKernel } from './kernel.ts';
import { Numbers } from './numbers.ts';
import { StateFiles } from './state-files.ts';

/** What every room of an agent works with. */
export type AgentNode = {
  readonly config: AgentConfig;
  readonly kernel: Kernel;
  readonly state: StateFiles;
  readonly numbers: Numbers;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
};

export async function openNode(config: AgentConfig, log: Logger): Promise<AgentNode> {
  const state = new StateFiles(config.stateDir);
  const kernel = await openKernel(config, log);
  const numbers = new Numbers(config.stateDir);
  return { config, kernel, state, numbers, registry: createRegistry(), clock: systemClock, log };
}

/** Releases what the agent holds of the node, at its end; what is pinned goes on. */
export function nodeService({ kernel, numbers }: AgentNode): Service {
  return {
    start: async () => undefined,
    stop: async () => [kernel, numbers].forEach((open) => open.close()),
  };
}

/** Once everybody has put his programs in place, those that were loaded before and nobody needed go. */
export function programsLearnt({ kernel }: AgentNode): Service {
  return { start: async () => kernel.running.discard() };
}
