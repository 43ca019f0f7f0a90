import type { Command } from 'commander';
import { gather, type PodName, podName, wholeNumber } from '../arguments.ts';
import type { CommandContext } from '../context.ts';

export function register(program: Command, { out, roots, exit, onInterrupt }: CommandContext): void {
  const sandbox = program
    .command('sandbox')
    .description('a Kubernetes-shaped cluster on this machine, out of network namespaces');

  sandbox
    .command('up')
    .description('start it; stays until Ctrl-C')
    .option('--nodes <n>', 'how many nodes', wholeNumber(1, 8), 1)
    .option('-d, --detach', 'return once it is up', false)
    .option('-f, --file <path>', 'manifest or folder to apply (repeatable)', gather, [])
    .option('--image-map <file>', 'YAML map of image patterns to commands of this machine')
    .action(async (options: { nodes: number; detach: boolean; file: string[]; imageMap?: string }) => {
      const { up } = await roots.sandbox();
      const { nodes, detach, file: files, imageMap } = options;
      exit(await up({ nodes, detach, files, imageMap }));
    });

  sandbox
    .command('down')
    .description('stop it and remove everything that it made')
    .action(async () => exit(await (await roots.sandbox()).down()));

  sandbox
    .command('exec')
    .description('run a command inside a pod')
    .usage('<namespace/pod> -- <command> [args...]')
    .argument('<pod>', 'namespace/name', podName)
    .argument('<command...>', 'what to run')
    .action(async (pod: PodName, command: string[]) => {
      exit(await (await roots.sandbox()).exec({ ...pod, command }));
    });

  sandbox
    .command('attack')
    .description(
      'try every claim against the running sandbox; exit 1 when one does not hold, 5 when one could not be tried',
    )
    .option('--only <name>', 'only this attack (repeatable)', gather, [])
    .option('--rounds <n>', 'rounds of the attacks that repeat', wholeNumber(1, 100_000))
    .option('-v, --verbose', 'every claim with what was seen, not only those that did not hold', false)
    .action(async (options: { only: string[]; rounds?: number; verbose: boolean }) => {
      const { runAttacks } = await roots.attacks();
      exit(await runAttacks({ ...options, json: out.json, signal: onInterrupt() }));
    });

  sandbox
    .command('demo')
    .description('what "npm start" runs: a fresh sandbox with two tenants, every claim tried; stays up until Ctrl-C')
    .option('--nodes <n>', 'how many nodes', wholeNumber(1, 8), 2)
    .option('--once', 'take everything down after the demonstration', false)
    .option('--only <name>', 'only this attack (repeatable)', gather, [])
    .option('--rounds <n>', 'rounds of the attacks that repeat', wholeNumber(1, 100_000))
    .option('-v, --verbose', 'every claim with what was seen, not only those that did not hold', false)
    .action(async (options: { nodes: number; once: boolean; only: string[]; rounds?: number; verbose: boolean }) => {
      const { runDemo } = await roots.demo();
      exit(await runDemo(options));
    });

  sandbox
    .command('kubeconfig')
    .description('print the path of the kubeconfig')
    .action(async () => {
      const path = (await roots.sandbox()).kubeconfigPath();
      await (out.json ? out.value({ path }) : out.line(path));
    });
}
