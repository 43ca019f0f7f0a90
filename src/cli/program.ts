import { Command, Option } from 'commander';
import type { CommandContext } from './context.ts';
import { VERBS } from './gen/verbs.ts';
import { escapeText } from './output/index.ts';

const EXIT_CODES = `
Exit codes: 0 good; 1 the answer is no; 2 usage; 3 the agent could not be reached; 4 any other failure.`;

/** The command line without a verb. Options that hold everywhere may stand anywhere on it. */
export function emptyProgram(): Command {
  const program = new Command('membrane')
    .description("Network security for Kubernetes pods by identity, enforced at each pod's own device.")
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .option('--socket <path>', "the agent's admin socket")
    .option('--node <name>', 'the node whose agent to ask (default: all on this machine, where that makes sense)')
    .addOption(new Option('--color <when>', 'print in colours').choices(['always', 'never', 'auto']).default('auto'))
    .option('--no-color', 'print without colours, as NO_COLOR does')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES)
    .showSuggestionAfterError();
  settle(program);
  return program;
}

/** Adds the verb that the words call, all where they call none that there is. Throws CommanderError for options that make no sense. */
export async function addCalledVerb(
  program: Command,
  context: CommandContext,
  words: readonly string[],
): Promise<void> {
  const [verb = ''] = program.parseOptions([...words]).operands;
  const load = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (load === undefined) return await addAllVerbs(program, context);
  (await load()).register(program, context);
  settle(program);
}

export async function addAllVerbs(program: Command, context: CommandContext): Promise<void> {
  const verbs = await Promise.all(Object.values(VERBS).map((load) => load()));
  for (const { register } of verbs) register(program, context);
  settle(program);
}

/** For every command: usage errors are thrown, told like all other errors, and a group without a verb is one. */
function settle(command: Command): void {
  command.exitOverride().configureOutput({
    outputError: (text, write) => write(usageError(text, command)),
  });
  for (const child of command.commands) settle(child);
}

function usageError(text: string, command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  const message = text
    .trim()
    .replace(/^error: /, '')
    .split('\n')
    .map(escapeText)
    .join(' ');
  return `membrane: ${message} [E_CLI_USAGE]\n  See "${names.join(' ')} --help".\n`;
}
