import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from '../../../../model/index.ts';
import { clone, ensureObject, equal, type JsonObject, listAt, objectAt, setDefault, stringAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, formatLabelSelector, nameColumn } from '../../print/columns.ts';
import { containerColumns, readyOfWanted } from '../../print/workload-columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { statefulSet } from '../../schema/apps.ts';
import { intOrString, isNone, notNegative, validateCount } from '../../validate/numbers.ts';
import { validateNoDeadline, validateSelectorAndTemplate } from '../../validate/pod-template.ts';
import { setClaimDefaults, validateClaim } from '../stored/volumes.ts';
import { clearStatus, setReplicasDefault, setTemplateDefaults } from './pod-template.ts';

function setStatefulSetDefaults(object: KubeObject): void {
  setReplicasDefault(object);
  const spec = ensureObject(object, 'spec');
  setDefault(spec, 'podManagementPolicy', 'OrderedReady');
  const strategy = ensureObject(spec, 'updateStrategy');
  setDefault(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] === 'RollingUpdate') setDefault(ensureObject(strategy, 'rollingUpdate'), 'partition', 0);
  setDefault(spec, 'revisionHistoryLimit', 10);
  const retention = ensureObject(spec, 'persistentVolumeClaimRetentionPolicy');
  setDefault(retention, 'whenDeleted', 'Retain');
  setDefault(retention, 'whenScaled', 'Retain');
  for (const value of listAt(spec, 'volumeClaimTemplates')) {
    const template = objectAt(value);
    if (template === undefined) continue;
    setDefault(template, 'apiVersion', 'v1');
    setDefault(template, 'kind', 'PersistentVolumeClaim');
    setDefault(ensureObject(template, 'status'), 'phase', 'Pending');
    setClaimDefaults(template);
  }
  setTemplateDefaults(object);
}

function validateStatefulSet(object: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const claims = listAt(spec, 'volumeClaimTemplates').flatMap((value) => stringAt(value, 'metadata', 'name') ?? []);
  const errors = [
    ...notNegative(spec, 'spec', 'replicas', 'minReadySeconds', 'revisionHistoryLimit'),
    ...notNegative(objectAt(spec, 'ordinals'), 'spec.ordinals', 'start'),
    ...validateSelectorAndTemplate(object, { kind: 'statefulset', restartPolicies: ['Always'], claims }),
    ...validateNoDeadline(object, 'StatefulSet'),
    ...validateStrategy(object),
  ];
  const policy = stringAt(spec, 'podManagementPolicy') ?? '';
  const policies = ['OrderedReady', 'Parallel'];
  if (!policies.includes(policy)) errors.push(notSupported('spec.podManagementPolicy', policy, policies));
  return [...errors, ...validateClaims(spec)];
}

function validateClaims(spec: JsonObject | undefined): FieldError[] {
  return listAt(spec, 'volumeClaimTemplates').flatMap((value, i) => {
    const field = `spec.volumeClaimTemplates[${i}]`;
    const template = objectAt(value) ?? {};
    const named = stringAt(template, 'metadata', 'name') ?? '';
    return [
      ...(named === '' ? [required(`${field}.metadata.name`)] : []),
      ...validateClaim(template).map((error) => ({ ...error, field: `${field}.${error.field}` })),
    ];
  });
}

function validateStrategy(object: KubeObject): FieldError[] {
  const strategy = objectAt(object, 'spec', 'updateStrategy');
  const rollingUpdate = objectAt(strategy, 'rollingUpdate');
  const type = stringAt(strategy, 'type') ?? '';
  const field = 'spec.updateStrategy';
  if (type === 'OnDelete') {
    if (rollingUpdate === undefined) return [];
    const detail = `only allowed for updateStrategy 'RollingUpdate'`;
    return [invalid(`${field}.rollingUpdate`, rollingUpdate, detail)];
  }
  if (type !== 'RollingUpdate') return [invalid(field, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
  const errors = [
    ...notNegative(rollingUpdate, `${field}.rollingUpdate`, 'partition'),
    ...validateCount(rollingUpdate, `${field}.rollingUpdate`, 'maxUnavailable', 100),
  ];
  const most = rollingUpdate?.['maxUnavailable'];
  if (most !== undefined && isNone(most)) {
    errors.push(invalid(`${field}.rollingUpdate.maxUnavailable`, intOrString(most), 'cannot be 0'));
  }
  return errors;
}

const CHANGEABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

function validateStatefulSetUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  const fixed = (object: KubeObject) => {
    const spec = clone(objectAt(object, 'spec') ?? {});
    for (const key of CHANGEABLE) delete spec[key];
    return spec;
  };
  if (equal(fixed(next), fixed(old))) return [];
  const names = CHANGEABLE.map((key) => `'${key}'`);
  const detail = `updates to statefulset spec for fields other than ${names.slice(0, -1).join(', ')} and ${names.at(-1)} are forbidden`;
  return [forbiddenField('spec', detail)];
}

export const statefulSets: ResourceDefinition = {
  group: 'apps',
  version: 'v1',
  resource: 'statefulsets',
  singular: 'statefulset',
  kind: 'StatefulSet',
  namespaced: true,
  shortNames: ['sts'],
  categories: ['all'],
  schema: statefulSet,
  status: true,
  generation: true,
  scaleSelector: (object) => formatLabelSelector(objectAt(object, 'spec', 'selector')),
  // Names of pods follow from it.
  nameFaults: (name) => [...dnsSubdomainFaults(name), ...(name.includes('.') ? dnsLabelFaults(name) : [])],
  columns: [nameColumn, readyOfWanted, ageColumn, ...containerColumns()],
  setDefaults: setStatefulSetDefaults,
  prepareCreate: clearStatus({ replicas: 0, availableReplicas: 0 }),
  validate: validateStatefulSet,
  validateUpdate: validateStatefulSetUpdate,
};
