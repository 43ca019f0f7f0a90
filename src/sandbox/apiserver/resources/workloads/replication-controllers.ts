import { dnsSubdomainFaults, type FieldError, required, validateLabels } from '../../../../model/index.ts';
import { ensureObject, objectAt, stringMapAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, column, formatMap, nameColumn } from '../../print/columns.ts';
import { containerColumns, countColumn } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { replicationController } from '../../schema/apps.ts';
import { selectorHolds } from '../../selector/object-selector.ts';
import { notNegative } from '../../validate/numbers.ts';
import { unselected, validateNoDeadline, validateTemplate } from '../../validate/pod-template.ts';
import { clearStatus, setReplicasDefault, setTemplateDefaults } from './pod-template.ts';

/** The labels of the template stand for what was not said. */
function setControllerDefaults(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  const labels = stringMapAt(spec, 'template', 'metadata', 'labels');
  if (Object.keys(stringMapAt(spec, 'selector')).length === 0) spec['selector'] = labels;
  if (Object.keys(object.metadata.labels ?? {}).length === 0) object.metadata.labels = { ...labels };
  setReplicasDefault(object);
  setTemplateDefaults(object);
}

function validateController(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec') ?? {};
  const selector = stringMapAt(spec, 'selector');
  const errors = [
    ...notNegative(spec, 'spec', 'replicas', 'minReadySeconds'),
    ...validateLabels(spec['selector'], 'spec.selector'),
    ...(Object.keys(selector).length === 0 ? [required('spec.selector')] : []),
    ...validateTemplate(spec['template'], 'spec.template', {
      kind: 'ReplicationController',
      restartPolicies: ['Always'],
    }),
    ...validateNoDeadline(object, 'ReplicationController'),
  ];
  if (errors.length > 0) return errors;
  const labels = stringMapAt(spec, 'template', 'metadata', 'labels');
  return selectorHolds({ matchLabels: selector }, labels) ? [] : [unselected(spec)];
}

export const replicationControllers: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'replicationcontrollers',
  singular: 'replicationcontroller',
  kind: 'ReplicationController',
  namespaced: true,
  shortNames: ['rc'],
  categories: ['all'],
  schema: replicationController,
  status: true,
  generation: true,
  orphansByDefault: true,
  scaleSelector: (object) => formatMap(objectAt(object, 'spec', 'selector')),
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    countColumn('Desired', 'spec', 'replicas'),
    countColumn('Current', 'status', 'replicas'),
    countColumn('Ready', 'status', 'readyReplicas'),
    ageColumn,
    ...containerColumns(),
    column('Selector', (object) => formatMap(objectAt(object, 'spec', 'selector')), { priority: 1 }),
  ],
  setDefaults: setControllerDefaults,
  prepareCreate: clearStatus({ replicas: 0 }),
  validate: validateController,
};
