import { errorTable } from '../base/index.ts';

export const identityErrors = errorTable({
  E_IDENTITY_ASKED: {
    what: 'the number is being asked for',
    remedy: 'Nothing: the answer is waited for.',
  },
  E_IDENTITY_CONTENDED: {
    what: 'a number was lost to others again and again',
    remedy: 'Nothing: it is tried again. When it stays, look who else writes identities.membrane.io.',
  },
  E_IDENTITY_EXHAUSTED: {
    what: 'no identity number is free',
    remedy:
      'Exclude labels that differ from pod to pod with the label filter, or delete workloads; a number without pods is taken back when another is needed.',
  },
  E_IDENTITY_SHARE: {
    what: 'a namespace, or a tenant, has all the identity numbers that it may have',
    remedy:
      'Give its pods fewer distinct sets of labels, exclude labels that differ from pod to pod with the label filter, or raise identity.namespaceShare, of a tenant `spec.limits.identities`.',
  },
  E_IDENTITY_SNAPSHOT: {
    what: 'the identity snapshot is not usable',
    remedy: 'Delete the snapshot; identities are then allocated anew and every policy table is written again.',
  },
  E_IDENTITY_UNANSWERED: {
    what: 'the API server gives no number, and is asked again',
    remedy: 'Do what the error in the message says of the API server; pods that have a number already keep it.',
  },
  E_IDENTITY_UNKNOWN: {
    what: 'no such identity is held',
    remedy: 'This is a defect of the caller: each release needs an acquire before it.',
  },
});
