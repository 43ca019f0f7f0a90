import { readFileSync } from 'node:fs';
import type { Settings } from '../base/configuration.ts';
import type { Lifecycle, Logger } from '../base/index.ts';
import { runProgram } from '../base/program.ts';
import { AgentLinks } from './agent-links.ts';
import { configKeys, readConfig, type UiConfig } from './config.ts';
import { uiErrors } from './errors.ts';
import { PageServer } from './page-server.ts';

export { configKeys };

export type UiOptions = {
  readonly settings: Settings;
  /** Told where it is, once it serves. */
  readonly onServing: (url: string) => void;
};

/** Its exit code, see `runProgram`. */
export async function runUi({ settings, onServing }: UiOptions): Promise<number> {
  return await runProgram({
    name: 'ui',
    readConfig: () => readConfig(settings),
    start: async (config, lifecycle, log) => onServing(await start(config, lifecycle, log)),
  });
}

async function start(config: UiConfig, lifecycle: Lifecycle, log: Logger): Promise<string> {
  const { listen, agentsDir, sandboxDir } = config;
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const agents = new AgentLinks({ agentsDir, sandboxDir });
  await lifecycle.start(agents);
  if (agents.all.length === 0) throw uiErrors.make('E_UI_NOT_SANDBOX', { detail: sandboxDir });
  const viewer = { name: 'everybody on this machine', sees: whole };
  const server = new PageServer({ agents, viewer, ...listen, version, log });
  await lifecycle.start(server);
  log.info({ url: server.url }, 'page serves');
  return server.url;
}

const whole = <T>(flow: T): T => flow;
