import { dnsSubdomainFaults, type FieldError, invalid, required } from '../../../../model/index.ts';
import { ensureObject, listAt, numberAt, objectAt, setDefault, stringAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, column, nameColumn } from '../../print/columns.ts';
import { countColumn } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { horizontalPodAutoscaler } from '../../schema/autoscaling.ts';
import { clearStatus } from '../workloads/pod-template.ts';
import { noEffect } from './no-effect.ts';

const CPU = { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } };

function validate(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const min = numberAt(spec, 'minReplicas') ?? 1;
  const max = numberAt(spec, 'maxReplicas') ?? 0;
  const errors: FieldError[] = ['kind', 'name']
    .filter((key) => (stringAt(spec, 'scaleTargetRef', key) ?? '') === '')
    .map((key) => required(`spec.scaleTargetRef.${key}`));
  if (min < 1) errors.push(invalid('spec.minReplicas', min, 'must be greater than or equal to 1'));
  if (max < 1) errors.push(invalid('spec.maxReplicas', max, 'must be greater than 0'));
  if (max < min) errors.push(invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`'));
  return errors;
}

/** `cpu: <unknown>/80%`: nobody measures. */
function targets(object: KubeObject): string {
  const metrics = listAt(object, 'spec', 'metrics').map((metric) => {
    const name = stringAt(metric, 'resource', 'name') ?? '';
    const percent = numberAt(metric, 'resource', 'target', 'averageUtilization');
    const value = stringAt(metric, 'resource', 'target', 'averageValue');
    return `${name === '' ? '' : `${name}: `}<unknown>/${percent === undefined ? (value ?? '<auto>') : `${percent}%`}`;
  });
  return metrics.length === 0 ? '<none>' : metrics.join(', ');
}

export const horizontalPodAutoscalers: ResourceDefinition = {
  group: 'autoscaling',
  version: 'v2',
  resource: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  kind: 'HorizontalPodAutoscaler',
  namespaced: true,
  shortNames: ['hpa'],
  categories: ['all'],
  schema: horizontalPodAutoscaler,
  status: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    column('Reference', (object) => {
      const target = objectAt(object, 'spec', 'scaleTargetRef');
      return `${stringAt(target, 'kind') ?? ''}/${stringAt(target, 'name') ?? ''}`;
    }),
    column('Targets', targets),
    column('MinPods', (object) => String(numberAt(object, 'spec', 'minReplicas') ?? '<unset>')),
    countColumn('MaxPods', 'spec', 'maxReplicas'),
    countColumn('Replicas', 'status', 'currentReplicas'),
    ageColumn,
  ],
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefault(spec, 'minReplicas', 1);
    if (listAt(spec, 'metrics').length === 0) spec['metrics'] = [structuredClone(CPU)];
  },
  prepareCreate: clearStatus({ desiredReplicas: 0, currentMetrics: null }),
  validate,
  warnings: noEffect('HorizontalPodAutoscaler', 'nothing is measured, and nothing is scaled'),
};
