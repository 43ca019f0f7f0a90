import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function register(program: Command, { out, version }: CommandContext): void {
  program
    .command('version')
    .description('print the version of this program')
    .action(async () => {
      const { node } = process.versions;
      if (out.json) await out.value({ version, node });
      else await out.line(`membrane ${version} (node ${node})`);
    });
}
