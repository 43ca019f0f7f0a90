import type { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';
import { printConfigKeys } from '../config-keys.ts';
import type { CommandContext } from '../context.ts';

type Options = {
  readonly config?: string;
  readonly port?: number;
  readonly helpConfig?: boolean;
};

const SOURCES = `
Of a sandbox it shows the flows of everybody to anybody on this machine, on loopback; of a cluster (peerService) to each who logs
in what his rights are.
Every key of the configuration has a variable, too: MEMBRANE_LISTEN_PORT is listen.port. Options count before variables, and
these before the file.`;

export function register(program: Command, { out, roots, exit }: CommandContext): void {
  program
    .command('ui')
    .description('a page that shows who talks to whom, in the foreground')
    .option('--config <file>', 'configuration, YAML')
    .option('--port <n>', 'TCP port; 0: any free one (default: 4280)', wholeNumber(0, 65_535))
    .option('--help-config', 'print every key of the configuration, with its default')
    .addHelpText('after', SOURCES)
    .action(async ({ config, port, helpConfig = false }: Options) => {
      const { runUi, configKeys } = await roots.ui();
      if (helpConfig) return await printConfigKeys(out, configKeys());
      const flags = port === undefined ? {} : { listen: { port } };
      const onServing = (url: string): void => void out.line(url);
      exit(await runUi({ settings: { file: config, flags }, onServing }));
    });
}
