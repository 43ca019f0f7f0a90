import { errorTable } from '../base/index.ts';

export const observeErrors = errorTable({
  E_OBSERVE_FORBIDDEN: {
    what: 'who asks may not see flows',
    remedy:
      'Bind him to a role with list and watch on flows.membrane.io in a namespace, or on tenants/flows of a Tenant (docs/OBSERVING.md).',
  },
  E_OBSERVE_REVOKED: {
    what: 'a right to see flows was taken away',
    remedy: 'Ask again: what may still be seen is shown.',
  },
  E_OBSERVE_RIGHTS_UNKNOWN: {
    what: 'nobody says who may see flows',
    remedy:
      'Check that the API server answers, and that the agent may create subjectaccessreviews and tokenreviews (deploy/rbac.yaml).',
  },
  E_OBSERVE_READERS: {
    what: 'too many readers follow the flows of this node',
    remedy: 'End some of them (`membrane status` says how many there are), or read what is stored without --follow.',
  },
});
