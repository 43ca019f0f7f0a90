import { errorTable } from '../base/index.ts';

export const relayErrors = errorTable({
  E_RELAY_CONFIG: {
    what: 'the configuration of the relay is not valid',
    remedy:
      'Correct the file, the flag or the variable; `membrane relay --help-config` and docs/CONFIG.md have every key.',
  },
  E_RELAY_CONFIG_FILE: {
    what: 'the configuration of the relay cannot be read',
    remedy: 'Give the path of a YAML or JSON file with --config.',
  },
});
