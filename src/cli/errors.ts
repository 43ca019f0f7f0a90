import { errorTable } from '../base/index.ts';

export const cliErrors = errorTable({
  E_CLI_USAGE: { what: 'the command line makes no sense', remedy: 'See "membrane help COMMAND".' },
  E_CLI_NO_AGENT: {
    what: 'no agent runs here',
    remedy: 'Start one (membrane sandbox up, or membrane agent --node-name NAME), or name its socket with --socket.',
  },
  E_CLI_PERMISSION: {
    what: 'you may not see which agents run here',
    remedy: 'Run this as root: only root may ask an agent.',
  },
  E_CLI_FILE: {
    what: 'this file cannot be used',
    remedy: 'Give a YAML or JSON file with the policies to think about.',
  },
  E_CLI_SEVERAL_AGENTS: {
    what: 'several agents run here',
    remedy: 'Choose one with --node NAME or --socket PATH.',
  },
});
