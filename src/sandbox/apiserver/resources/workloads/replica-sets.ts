import { dnsSubdomainFaults } from '../../../../model/index.ts';
import { numberAt, objectAt } from '../../json.ts';
import { ageColumn, formatLabelSelector, nameColumn } from '../../print/columns.ts';
import { containerColumns, countColumn, selectorColumn } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { replicaSet } from '../../schema/apps.ts';
import { metadataFields } from '../../selector/field-selector.ts';
import { notNegative } from '../../validate/numbers.ts';
import {
  validateNoDeadline,
  validateSelectorAndTemplate,
  validateSelectorUpdate,
} from '../../validate/pod-template.ts';
import { clearStatus, setReplicasDefault, setTemplateDefaults } from './pod-template.ts';

export const replicaSets: ResourceDefinition = {
  group: 'apps',
  version: 'v1',
  resource: 'replicasets',
  singular: 'replicaset',
  kind: 'ReplicaSet',
  namespaced: true,
  shortNames: ['rs'],
  categories: ['all'],
  schema: replicaSet,
  status: true,
  generation: true,
  scaleSelector: (object) => formatLabelSelector(objectAt(object, 'spec', 'selector')),
  nameFaults: dnsSubdomainFaults,
  selectableFields: {
    ...metadataFields,
    'status.replicas': (object) => String(numberAt(object, 'status', 'replicas') ?? 0),
  },
  columns: [
    nameColumn,
    countColumn('Desired', 'spec', 'replicas'),
    countColumn('Current', 'status', 'replicas'),
    countColumn('Ready', 'status', 'readyReplicas'),
    ageColumn,
    ...containerColumns(),
    selectorColumn,
  ],
  setDefaults: (object) => {
    setReplicasDefault(object);
    setTemplateDefaults(object);
  },
  prepareCreate: clearStatus({ replicas: 0 }),
  validate: (object) => [
    ...notNegative(objectAt(object, 'spec'), 'spec', 'replicas', 'minReadySeconds'),
    ...validateSelectorAndTemplate(object, { kind: 'deployment', restartPolicies: ['Always'] }),
    ...validateNoDeadline(object, 'ReplicaSet'),
  ],
  validateUpdate: validateSelectorUpdate,
};
