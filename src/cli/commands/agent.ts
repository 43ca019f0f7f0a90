import { resolve } from 'node:path';
import type { Command } from 'commander';
import { printConfigKeys } from '../config-keys.ts';
import type { CommandContext } from '../context.ts';

type Options = {
  readonly config?: string;
  readonly nodeName?: string;
  readonly kubeconfig?: string;
  readonly apiServer?: string;
  readonly cleanup?: boolean;
  readonly helpConfig?: boolean;
};

const SOURCES = `
Every key of the configuration has a variable, too: MEMBRANE_METRICS_PORT is metrics.port. Options count before variables,
and these before the file. In a cluster NODE_NAME and the pod's service account are enough.`;

export function register(program: Command, { out, roots, exit }: CommandContext): void {
  program
    .command('agent')
    .description('run the agent of this node in the foreground')
    .option('--config <file>', 'configuration, YAML')
    .option('--node-name <name>', 'name of the Node object that it serves (default: NODE_NAME)')
    .option('--kubeconfig <file>', "how to reach the API server (default: KUBECONFIG, else the pod's service account)")
    .option('--api-server <address>', 'where the API server is, whatever is said elsewhere')
    .option('--cleanup', 'remove everything that an agent made on this node')
    .option('--help-config', 'print every key of the configuration, with its default')
    .addHelpText('after', SOURCES)
    .action(async ({ config, cleanup = false, helpConfig = false, ...options }: Options) => {
      const { runAgent, configKeys } = await roots.agent();
      if (helpConfig) return await printConfigKeys(out, configKeys());
      exit(await runAgent({ settings: { file: config, flags: flagsOf(options) }, cleanup }));
    });
}

function flagsOf({ nodeName, kubeconfig, apiServer }: Options): Record<string, string> {
  const flags = { nodeName, kubeconfig: kubeconfig === undefined ? undefined : resolve(kubeconfig), apiServer };
  return Object.fromEntries(Object.entries(flags).filter((pair): pair is [string, string] => pair[1] !== undefined));
}
