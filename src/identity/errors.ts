import { errorTable } from '../base/index.ts';

export const identityErrors = errorTable({
  E_IDENTITY_EXHAUSTED: {
    what: 'no identity number is free',
    remedy:
      'Exclude labels that differ from pod to pod with the label filter, or delete unused workloads; numbers come free again after the grace period.',
  },
  E_IDENTITY_SNAPSHOT: {
    what: 'the identity snapshot is not usable',
    remedy: 'Delete the snapshot; identities are then allocated anew and every policy table is written again.',
  },
  E_IDENTITY_UNKNOWN: {
    what: 'no such identity is held',
    remedy: 'This is a defect of the caller: each release needs an acquire before it.',
  },
});
