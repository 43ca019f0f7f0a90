import type { Command } from 'commander';
import { printConfigKeys } from '../config-keys.ts';
import type { CommandContext } from '../context.ts';

type Options = {
  readonly config?: string;
  readonly peerService?: string;
  readonly helpConfig?: boolean;
};

const SOURCES = `
Every key of the configuration has a variable, too: MEMBRANE_LISTEN_PORT is listen.port. Options count before variables, and
these before the file.`;

export function register(program: Command, { out, roots, exit }: CommandContext): void {
  program
    .command('relay')
    .description("serve the flows of all nodes to Hubble's clients, in the foreground")
    .option('--config <file>', 'configuration, YAML')
    .option('--peer-service <address>', "who says which nodes there are: an agent's socket, or host:port")
    .option('--help-config', 'print every key of the configuration, with its default')
    .addHelpText('after', SOURCES)
    .action(async ({ config, peerService, helpConfig = false }: Options) => {
      const { runRelay, configKeys } = await roots.relay();
      if (helpConfig) return await printConfigKeys(out, configKeys());
      exit(await runRelay({ settings: { file: config, flags: peerService === undefined ? {} : { peerService } } }));
    });
}
