import { errorTable } from '../base/index.ts';

export const attackErrors = errorTable({
  E_ATTACK_TOOL: {
    what: 'the tool that sends and counts frames failed',
    remedy: 'Build it with `npm run build`; its own message is at the end.',
  },
  E_ATTACK_STAGE: {
    what: 'the sandbox is not in the state that the demonstration needs',
    remedy: 'Start a fresh one: `npm start`, or `membrane sandbox up -f examples/two-tenants`.',
  },
  E_ATTACK_NODES: {
    what: 'the sandbox has too few nodes for this attack',
    remedy:
      'Start one with more: `npm start -- --nodes 2`, or `membrane sandbox up --nodes 2 -f examples/two-tenants`.',
  },
  E_ATTACK_UNKNOWN: {
    what: 'there is no such attack',
    remedy: 'Name one of the list, or give its number.',
  },
});
