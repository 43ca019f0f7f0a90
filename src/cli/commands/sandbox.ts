import { type Command, Option } from 'commander';
import { gather, type PodName, podName, wholeNumber } from '../arguments.ts';
import type { CommandContext } from '../context.ts';

const NAME = ['--name <name>', 'the one of this name, beside others'] as const;

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
    .option('--name <name>', 'beside others: with a network, mounts and agents that only it sees')
    .addOption(new Option('--in-view').default(false).hideHelp())
    .action(
      async (options: {
        nodes: number;
        detach: boolean;
        file: string[];
        imageMap?: string;
        name?: string;
        inView: boolean;
      }) => {
        const { up } = await roots.sandbox();
        const { file: files, imageMap, name, ...rest } = options;
        exit(await up({ ...rest, files, imageMap, name }));
      },
    );

  sandbox
    .command('down')
    .description('stop it and remove everything that it made')
    .option(...NAME)
    .action(async ({ name }: { name?: string }) => exit(await (await roots.sandbox()).down(name)));

  sandbox
    .command('exec')
    .description('run a command inside a pod')
    .usage('<namespace/pod> -- <command> [args...]')
    .argument('<pod>', 'namespace/name', podName)
    .argument('<command...>', 'what to run')
    .option(...NAME)
    .action(async (pod: PodName, command: string[], { name }: { name?: string }) => {
      const { exec, enter } = await roots.sandbox();
      const inside = ['membrane', 'sandbox', 'exec', `${pod.namespace}/${pod.pod}`, '--', ...command];
      exit(await (name === undefined ? exec({ ...pod, command }) : enter({ name, command: inside })));
    });

  sandbox
    .command('enter')
    .description('run a command where a sandbox of a name is: with its network, its agents, its kubeconfig')
    .usage('<name> -- <command> [args...]')
    .argument('<name>', 'of the sandbox')
    .argument('<command...>', 'what to run; membrane is this one')
    .action(async (name: string, command: string[]) => exit(await (await roots.sandbox()).enter({ name, command })));

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
    .option(...NAME)
    .action(async ({ name }: { name?: string }) => {
      const path = (await roots.sandbox()).kubeconfigPath(name);
      await (out.json ? out.value({ path }) : out.line(path));
    });
}
