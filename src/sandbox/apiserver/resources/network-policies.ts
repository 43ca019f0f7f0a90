import { dnsSubdomainFaults } from '../../../model/index.ts';
import { networkPolicy as kind } from '../../../policy/index.ts';
import { at, ensureObject, isObject, listAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, formatLabelSelector, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { networkPolicy } from '../schema/extensions.ts';

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

const { plural, ...names } = kind.names;

export const networkPolicies: ResourceDefinition = {
  ...names,
  resource: plural,
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
  validate: kind.validate,
  warnings: kind.warnings,
};
