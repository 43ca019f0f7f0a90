import { errorTable, type MembraneError } from '../base/index.ts';

export const operatorErrors = errorTable({
  E_OPERATOR_CONFIG: {
    what: 'the configuration of the operator is not valid',
    remedy:
      'Correct the file, the flag or the variable; `membrane operator --help-config` and docs/CONFIG.md have every key.',
  },
  E_OPERATOR_CONFIG_FILE: {
    what: 'the configuration of the operator cannot be read',
    remedy: 'Give the path of a YAML or JSON file with --config.',
  },
  E_OPERATOR_NOT_LEADING: {
    what: 'another operator leads, or nobody knows who does',
    remedy: 'Nothing: what is begun ends, and whoever holds the Lease goes on.',
  },
});

const OF_WHOLE_SERVER: readonly string[] = [
  'E_KUBE_UNREACHABLE',
  'E_KUBE_TIMEOUT',
  'E_KUBE_SILENT',
  'E_KUBE_UNAUTHORIZED',
  'E_OPERATOR_NOT_LEADING',
];

/** Whoever answers so to one write answers the same to every other: none is tried. */
export const isOfWholeServer = ({ code }: MembraneError): boolean => OF_WHOLE_SERVER.includes(code);
