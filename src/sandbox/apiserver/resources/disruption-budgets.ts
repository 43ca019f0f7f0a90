import { dnsSubdomainFaults, type FieldError, invalid } from '../../../model/index.ts';
import { numberAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { podDisruptionBudget } from '../schema/policy.ts';
import { validateCount } from '../validate/numbers.ts';
import { clearStatus } from './workloads/pod-template.ts';

const bound = (name: string, key: string) =>
  column(name, (object) => stringAt(object, 'spec', key) ?? numberAt(object, 'spec', key) ?? 'N/A');

function validate(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  if (spec?.['minAvailable'] !== undefined && spec['maxUnavailable'] !== undefined) {
    return [invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set')];
  }
  return [...validateCount(spec, 'spec', 'minAvailable', 100), ...validateCount(spec, 'spec', 'maxUnavailable', 100)];
}

export const podDisruptionBudgets: ResourceDefinition = {
  group: 'policy',
  version: 'v1',
  resource: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  kind: 'PodDisruptionBudget',
  namespaced: true,
  shortNames: ['pdb'],
  schema: podDisruptionBudget,
  status: true,
  generation: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    bound('Min Available', 'minAvailable'),
    bound('Max Unavailable', 'maxUnavailable'),
    column('Allowed Disruptions', (object) => numberAt(object, 'status', 'disruptionsAllowed') ?? 0, {
      type: 'integer',
    }),
    ageColumn,
  ],
  prepareCreate: clearStatus({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }),
  validate,
};
