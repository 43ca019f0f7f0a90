import { errorTable } from '../base/index.ts';

export const identityErrors = errorTable({
  E_IDENTITY_EXHAUSTED: {
    what: 'no identity number is free',
    remedy:
      'Exclude labels that differ from pod to pod with the label filter, or delete workloads; a number without pods is taken back when another is needed.',
  },
  E_IDENTITY_RESTING: {
    what: 'no identity number is free yet, one that rests is being taken back',
    remedy: 'Nothing: it is tried again at once.',
  },
  E_IDENTITY_SHARE: {
    what: 'a namespace has all the identity numbers that it may have',
    remedy:
      'Give its pods fewer distinct sets of labels, exclude labels that differ from pod to pod with the label filter, or raise identity.namespaceShare.',
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
