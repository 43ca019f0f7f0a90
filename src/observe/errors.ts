import { errorTable } from '../base/index.ts';

export const observeErrors = errorTable({
  E_OBSERVE_READERS: {
    what: 'too many readers follow the flows of this node',
    remedy: 'End some of them (`membrane status` says how many there are), or read what is stored without --follow.',
  },
});
