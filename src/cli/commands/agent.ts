import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerAgent(program: Command, { roots, exit }: CommandContext): void {
  program
    .command('agent')
    .description('run the agent of this node in the foreground')
    .requiredOption('--config <file>', 'configuration, YAML')
    .action(async (options: { config: string }) => {
      const { runAgent } = await roots.agent();
      exit(await runAgent({ configPath: options.config }));
    });
}
