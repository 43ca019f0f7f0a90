import { errorTable } from '../base/index.ts';

export const policyErrors = errorTable({
  E_POLICY_ORDER: {
    what: 'the order of a policy entry is out of range',
    remedy: 'This is a defect of the translation: orders are 0 to 2^28-1 within a tier.',
  },
  E_POLICY_TOO_LARGE: {
    what: 'the policies of a pod need more than one table may have',
    remedy: 'Name fewer peers and ports, use ranges and label selectors, or raise policyLimits.',
  },
  E_POLICY_KIND: {
    what: 'there is no such kind of policy',
    remedy: 'This is a defect: only objects of the kinds in src/policy/kinds are read.',
  },
  E_POLICY_SUBJECT: {
    what: 'only pods have a policy table',
    remedy: 'This is a defect: a table is asked for of an identity that is known and is a pod.',
  },
});
