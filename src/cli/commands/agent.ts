import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { cliErrors } from '../errors.ts';
import type { ConfigKey } from '../roots.ts';

type Options = { readonly config?: string; readonly cleanup?: boolean; readonly helpConfig?: boolean };

export function registerAgent(program: Command, { out, roots, exit }: CommandContext): void {
  program
    .command('agent')
    .description('run the agent of this node in the foreground')
    .option('--config <file>', 'configuration, YAML')
    .option('--cleanup', 'remove everything that an agent made on this node')
    .option('--help-config', 'print every key of the configuration, with its default')
    .action(async ({ config, cleanup = false, helpConfig = false }: Options) => {
      const { runAgent, configKeys } = await roots.agent();
      if (helpConfig)
        return await (out.json ? out.value(configKeys()) : out.line(configKeys().map(described).join('\n')));
      if (config === undefined)
        throw cliErrors.make('E_CLI_USAGE', { detail: "required option '--config <file>' not specified" });
      exit(await runAgent({ configPath: config, cleanup }));
    });
}

function described({ name, values, default: value, description }: ConfigKey): string {
  return `${name}: ${value ?? ''}\n    ${values}\n    ${description}`;
}
