import { dnsSubdomainFaults, type FieldError, forbiddenField, invalid, notSupported } from '../../../../model/index.ts';
import { ensureObject, objectAt, setDefault, stringAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, column, formatMap, nameColumn } from '../../print/columns.ts';
import { containerColumns, countColumn, selectorColumn } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { daemonSet } from '../../schema/apps.ts';
import { intOrString, isNone, notNegative, validateCount } from '../../validate/numbers.ts';
import {
  validateNoDeadline,
  validateSelectorAndTemplate,
  validateSelectorUpdate,
} from '../../validate/pod-template.ts';
import { clearStatus, setTemplateDefaults } from './pod-template.ts';

function setDaemonSetDefaults(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  const strategy = ensureObject(spec, 'updateStrategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] === 'RollingUpdate') {
    const rollingUpdate = ensureObject(strategy, 'rollingUpdate');
    setDefault(rollingUpdate, 'maxUnavailable', 1);
    setDefault(rollingUpdate, 'maxSurge', 0);
  }
  setDefault(spec, 'revisionHistoryLimit', 10);
  setTemplateDefaults(object);
}

function validateStrategy(object: KubeObject): FieldError[] {
  const strategy = objectAt(object, 'spec', 'updateStrategy');
  const type = stringAt(strategy, 'type') ?? '';
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') return [notSupported('spec.updateStrategy.type', type, ['RollingUpdate', 'OnDelete'])];
  const rollingUpdate = objectAt(strategy, 'rollingUpdate');
  const { maxUnavailable, maxSurge } = rollingUpdate ?? {};
  const field = 'spec.updateStrategy.rollingUpdate';
  const errors = [
    ...validateCount(rollingUpdate, field, 'maxUnavailable', 100),
    ...validateCount(rollingUpdate, field, 'maxSurge', 100),
  ];
  if (!isNone(maxSurge)) errors.push(forbiddenField(`${field}.maxSurge`, 'not supported by the Membrane sandbox'));
  if (isNone(maxUnavailable) && isNone(maxSurge)) {
    const detail = 'cannot be 0 when `maxSurge` is 0';
    errors.push(invalid(`${field}.maxUnavailable`, intOrString(maxUnavailable), detail));
  }
  return errors;
}

export const daemonSets: ResourceDefinition = {
  group: 'apps',
  version: 'v1',
  resource: 'daemonsets',
  singular: 'daemonset',
  kind: 'DaemonSet',
  namespaced: true,
  shortNames: ['ds'],
  categories: ['all'],
  schema: daemonSet,
  status: true,
  generation: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    countColumn('Desired', 'status', 'desiredNumberScheduled'),
    countColumn('Current', 'status', 'currentNumberScheduled'),
    countColumn('Ready', 'status', 'numberReady'),
    countColumn('Up-to-date', 'status', 'updatedNumberScheduled'),
    countColumn('Available', 'status', 'numberAvailable'),
    column('Node Selector', (object) => formatMap(objectAt(object, 'spec', 'template', 'spec', 'nodeSelector'))),
    ageColumn,
    ...containerColumns(),
    selectorColumn,
  ],
  setDefaults: setDaemonSetDefaults,
  prepareCreate: clearStatus({
    currentNumberScheduled: 0,
    numberMisscheduled: 0,
    desiredNumberScheduled: 0,
    numberReady: 0,
  }),
  validate: (object) => [
    ...notNegative(objectAt(object, 'spec'), 'spec', 'minReadySeconds', 'revisionHistoryLimit'),
    ...validateSelectorAndTemplate(object, { kind: 'daemonset', restartPolicies: ['Always'] }),
    ...validateNoDeadline(object, 'DaemonSet'),
    ...validateStrategy(object),
  ],
  validateUpdate: validateSelectorUpdate,
};
