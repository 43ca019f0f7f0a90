import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';

export function registerAgent(program: Command, { roots, exit }: CommandContext): void {
  program
    .command('agent')
    .description('run the agent of this node in the foreground')
    .requiredOption('--config <file>', 'configuration, YAML')
    .option('--cleanup', 'remove everything that an agent made on this node')
    .action(async (options: { config: string; cleanup?: boolean }) => {
      const { runAgent } = await roots.agent();
      exit(await runAgent({ configPath: options.config, cleanup: options.cleanup ?? false }));
    });
}
