import { type Env, gatherSettings, keysOf, type Settings } from '../../base/configuration.ts';
import { type AgentConfig, configSchema, configFailures as failures, parseConfig } from './config.ts';

/** NODE_NAME, which pods are given by their node's name, counts where nobody else says it. E_AGENT_CONFIG_FILE, E_AGENT_CONFIG. */
export function readConfig(settings: Settings): AgentConfig {
  const { NODE_NAME }: Env = settings.env ?? process.env;
  const defaults = NODE_NAME ? { nodeName: NODE_NAME } : {};
  return parseConfig(gatherSettings(settings, { schema: configSchema, failures, defaults }));
}

export const configKeys = () => keysOf(configSchema);
