import { dnsSubdomainFaults, type FieldError, forbiddenField, invalid, notSupported } from '../../../../model/index.ts';
import { at, ensureObject, equal, numberAt, objectAt, setDefault, stringAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, formatLabelSelector, nameColumn } from '../../print/columns.ts';
import { containerColumns, countColumn, readyOfWanted, selectorColumn } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { deployment } from '../../schema/apps.ts';
import { intOrString, isNone, notNegative, validateCount } from '../../validate/numbers.ts';
import {
  validateNoDeadline,
  validateSelectorAndTemplate,
  validateSelectorUpdate,
} from '../../validate/pod-template.ts';
import { clearStatus, setReplicasDefault, setTemplateDefaults } from './pod-template.ts';

function setDeploymentDefaults(object: KubeObject): void {
  setReplicasDefault(object);
  const spec = ensureObject(object, 'spec');
  const strategy = ensureObject(spec, 'strategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] === 'RollingUpdate') {
    const rollingUpdate = ensureObject(strategy, 'rollingUpdate');
    setDefault(rollingUpdate, 'maxUnavailable', '25%');
    setDefault(rollingUpdate, 'maxSurge', '25%');
  }
  setDefault(spec, 'revisionHistoryLimit', 10);
  setDefault(spec, 'progressDeadlineSeconds', 600);
  setTemplateDefaults(object);
}

function validateDeployment(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const counts = ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'];
  const errors = [
    ...notNegative(spec, 'spec', ...counts),
    ...validateSelectorAndTemplate(object, { kind: 'deployment', restartPolicies: ['Always'] }),
    ...validateNoDeadline(object, 'ReplicaSet'),
    ...validateStrategy(object),
  ];
  const deadline = numberAt(spec, 'progressDeadlineSeconds') ?? 0;
  if (deadline <= (numberAt(spec, 'minReadySeconds') ?? 0)) {
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  }
  return errors;
}

function validateStrategy(object: KubeObject): FieldError[] {
  const strategy = objectAt(object, 'spec', 'strategy');
  const rollingUpdate = objectAt(strategy, 'rollingUpdate');
  const type = stringAt(strategy, 'type') ?? '';
  const field = 'spec.strategy.rollingUpdate';
  if (type === 'Recreate') {
    if (rollingUpdate === undefined) return [];
    return [forbiddenField(field, "may not be specified when strategy `type` is 'Recreate'")];
  }
  if (type !== 'RollingUpdate') return [notSupported('spec.strategy', type, ['Recreate', 'RollingUpdate'])];
  const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
  const errors = [
    ...validateCount(rollingUpdate, field, 'maxUnavailable', 100),
    ...validateCount(rollingUpdate, field, 'maxSurge'),
  ];
  if (isNone(maxUnavailable) && isNone(maxSurge)) {
    errors.push(invalid(`${field}.maxUnavailable`, intOrString(maxUnavailable), 'may not be 0 when `maxSurge` is 0'));
  }
  return errors;
}

export const deployments: ResourceDefinition = {
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  singular: 'deployment',
  kind: 'Deployment',
  namespaced: true,
  shortNames: ['deploy'],
  categories: ['all'],
  schema: deployment,
  status: true,
  generation: true,
  bumpsGeneration: (next, old) => !equal(next.metadata.annotations, old.metadata.annotations),
  scaleSelector: (object) => formatLabelSelector(at(object, 'spec', 'selector')),
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    readyOfWanted,
    countColumn('Up-to-date', 'status', 'updatedReplicas'),
    countColumn('Available', 'status', 'availableReplicas'),
    ageColumn,
    ...containerColumns(),
    selectorColumn,
  ],
  setDefaults: setDeploymentDefaults,
  prepareCreate: clearStatus(),
  validate: validateDeployment,
  validateUpdate: validateSelectorUpdate,
};
