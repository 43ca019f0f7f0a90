import { Command, Option } from 'commander';
import { registerAgent } from './commands/agent.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerCt } from './commands/ct.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerEndpoint } from './commands/endpoint.ts';
import { registerFootprint } from './commands/footprint.ts';
import { registerIdentity } from './commands/identity.ts';
import { registerNode } from './commands/node.ts';
import { registerObserve } from './commands/observe.ts';
import { registerPolicy } from './commands/policy.ts';
import { registerSandbox } from './commands/sandbox.ts';
import { registerService } from './commands/service.ts';
import { registerStatus } from './commands/status.ts';
import { registerVersion } from './commands/version.ts';
import type { CommandContext } from './context.ts';
import { escapeText } from './output/index.ts';

const VERBS = [
  registerSandbox,
  registerAgent,
  registerStatus,
  registerDoctor,
  registerFootprint,
  registerObserve,
  registerIdentity,
  registerEndpoint,
  registerPolicy,
  registerService,
  registerNode,
  registerCt,
  registerCompletion,
  registerVersion,
];

const EXIT_CODES = `
Exit codes: 0 good; 1 the answer is no; 2 usage; 3 the agent could not be reached; 4 any other failure.`;

/** The whole command line. Options that hold everywhere may stand anywhere on it. */
export function buildProgram(context: CommandContext): Command {
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
  for (const register of VERBS) register(program, context);
  settle(program);
  return program;
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
