import { resolve } from 'node:path';
import type { Command } from 'commander';
import { printConfigKeys } from '../config-keys.ts';
import type { CommandContext } from '../context.ts';

type Options = {
  readonly config?: string;
  readonly kubeconfig?: string;
  readonly apiServer?: string;
  readonly helpConfig?: boolean;
};

const SOURCES = `
One works, others wait: they agree by a Lease. Every key of the configuration has a variable, too: MEMBRANE_METRICS_PORT is
metrics.port. Options count before variables, and these before the file. In a cluster the pod's service account is enough.`;

export function register(program: Command, { out, roots, exit }: CommandContext): void {
  program
    .command('operator')
    .description('run the operator of the cluster in the foreground')
    .option('--config <file>', 'configuration, YAML')
    .option('--kubeconfig <file>', "how to reach the API server (default: KUBECONFIG, else the pod's service account)")
    .option('--api-server <address>', 'where the API server is, whatever is said elsewhere')
    .option('--help-config', 'print every key of the configuration, with its default')
    .addHelpText('after', SOURCES)
    .action(async ({ config, helpConfig = false, kubeconfig, apiServer }: Options) => {
      const { runOperator, configKeys } = await roots.operator();
      if (helpConfig) return await printConfigKeys(out, configKeys());
      const flags = {
        ...(kubeconfig === undefined ? {} : { kubeconfig: resolve(kubeconfig) }),
        ...(apiServer === undefined ? {} : { apiServer }),
      };
      exit(await runOperator({ settings: { file: config, flags } }));
    });
}
