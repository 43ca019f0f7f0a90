import { at, ensureObject, isObject, listAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, formatLabelSelector, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { networkPolicy } from '../schema/extensions.ts';
import { dnsSubdomainFaults } from '../validate/names.ts';
import { networkPolicyWarnings, validateNetworkPolicy } from '../validate/network-policy.ts';

function setNetworkPolicyDefaults(policy: KubeObject): void {
  const spec = ensureObject(policy, 'spec');
  ensureObject(spec, 'podSelector');
  for (const section of ['ingress', 'egress']) {
    for (const rule of listAt(spec, section)) {
      for (const port of listAt(rule, 'ports')) if (isObject(port)) port['protocol'] ??= 'TCP';
    }
  }
  if (listAt(spec, 'policyTypes').length === 0) {
    spec['policyTypes'] = listAt(spec, 'egress').length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  }
}

export const networkPolicies: ResourceDefinition = {
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'networkpolicies',
  singular: 'networkpolicy',
  kind: 'NetworkPolicy',
  namespaced: true,
  shortNames: ['netpol'],
  schema: networkPolicy,
  generation: true,
  keepUnknown: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    column('Pod-Selector', (object) => formatLabelSelector(at(object, 'spec', 'podSelector'))),
    ageColumn,
  ],
  setDefaults: setNetworkPolicyDefaults,
  validate: validateNetworkPolicy,
  warnings: networkPolicyWarnings,
};
