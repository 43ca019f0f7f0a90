import { errorTable } from '../base/index.ts';

export const apiErrors = errorTable({
  E_API_AGENT_RUNNING: {
    what: 'another agent serves this node already',
    remedy: 'Stop the other agent first, or give this one another node name.',
  },
  E_API_SOCKET: {
    what: 'the admin socket cannot be created',
    remedy:
      'Check that the folder exists, belongs to root and is on a local file system; the path has at most 107 bytes.',
  },
  E_API_METRICS_HOST: {
    what: 'metrics would be served to other machines',
    remedy:
      'Use 127.0.0.1 or ::1 as the host of the metrics, or set metrics.allowNonLoopback if that is what you want.',
  },
  E_API_METRICS_PORT: {
    what: 'the port for metrics cannot be opened',
    remedy: 'Choose another port for the metrics, or stop what uses it (ss -ltnp).',
  },
  E_API_REQUEST: {
    what: 'the request makes no sense',
    remedy: 'Correct the fields it names; keys that it does not know may be of another version of `membrane`.',
  },
  E_API_NOT_FOUND: { what: 'the agent does not know it', remedy: 'List what there is, with "list" instead of "get".' },
  E_API_UNKNOWN: {
    what: 'the agent does not understand such a question',
    remedy: 'Use `membrane` of the same version as the agent (`membrane status` says which that is).',
  },
  E_API_AMBIGUOUS: { what: 'objects of several kinds have this name', remedy: 'Say which is meant, with --kind.' },
  E_API_INTERNAL: { what: 'the agent failed to answer', remedy: 'Look at the log of the agent and report this.' },
  E_API_UNREACHABLE: {
    what: 'could not reach the agent',
    remedy: 'Check that the agent runs on this node (membrane agent, or membrane sandbox up).',
  },
  E_API_RESPONSE: {
    what: 'the agent gave an answer that makes no sense',
    remedy: 'Use `membrane` of the same version as the agent.',
  },
});
