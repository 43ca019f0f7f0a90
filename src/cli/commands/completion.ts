import { Argument, type Command } from 'commander';
import type { CommandContext } from '../context.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

const HOW = `
bash: source <(membrane completion bash)
zsh:  source <(membrane completion zsh)
fish: membrane completion fish | source`;

export function register(program: Command, { out, wholeProgram }: CommandContext): void {
  program
    .command('completion')
    .description('print what completes this command line in a shell')
    .addArgument(new Argument('<shell>', 'which').choices(SHELLS))
    .addHelpText('after', HOW)
    .action(async (shell: (typeof SHELLS)[number]) => {
      const { completionScript } = await import('../completion.ts');
      await out.line(completionScript(await wholeProgram(), shell));
    });
}
