import { errorTable } from '../base/index.ts';

export const planeErrors = errorTable({
  E_PLANE_POLICY_FULL: {
    what: 'the policy maps are full',
    remedy:
      'Raise maps.policy and maps.policy_peers, or use fewer peers and ports; until then the direction is closed.',
  },
  E_PLANE_POLICY_LARGE: {
    what: 'a policy asks for more than one table may have',
    remedy: 'Name fewer peers and ports, use ranges and label selectors, or raise policyLimits.table.',
  },
  E_PLANE_POLICY_SHARE: {
    what: 'a namespace, or a tenant, asks for more than its share of the policy maps',
    remedy:
      'Name fewer peers and ports in its policies, or raise policyLimits.namespace, of a tenant `spec.limits.policyRows`; until then they admit nobody.',
  },
  E_PLANE_PREFIXES_FULL: {
    what: 'the prefixes of a policy do not fit into the ipcache',
    remedy: 'Name fewer prefixes, or raise maps.ipcache; it is tried again as soon as there is room.',
  },
  E_PLANE_SELECTORS_FULL: {
    what: 'the policies of a namespace select peers by more than its share of selectors',
    remedy:
      'Use fewer selectors with fewer values, or raise policyLimits.selectors; it is tried again as soon as there is room.',
  },
  E_PLANE_SERVICES_FULL: {
    what: 'a service does not fit into the maps',
    remedy:
      'Raise maps.services, maps.service_slots or maps.backends; until there is room it goes on with what it still wants of its backends.',
  },
  E_PLANE_UNSETTLED: {
    what: 'what is written changes faster than it can be read',
    remedy: 'Ask again; the metric of passes says how often policies, pods and tenants change.',
  },
});
