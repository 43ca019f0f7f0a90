import { dnsSubdomainFaults, forbiddenField, invalid, notSupported } from '../../../../model/index.ts';
import { equal, listAt, numberAt, setDefault, stringAt, stringMapAt } from '../../json.ts';
import { ageColumn, column, fieldColumn, nameColumn } from '../../print/columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { limitRange, priorityClass, resourceQuota } from '../../schema/policy.ts';
import { clearStatus } from '../workloads/pod-template.ts';
import { noEffect } from './no-effect.ts';

const MAX_USER_PRIORITY = 1_000_000_000;
const POLICIES = ['Never', 'PreemptLowerPriority'];

export const priorityClasses: ResourceDefinition = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  resource: 'priorityclasses',
  singular: 'priorityclass',
  kind: 'PriorityClass',
  namespaced: false,
  shortNames: ['pc'],
  schema: priorityClass,
  generation: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    column('Value', (object) => numberAt(object, 'value') ?? 0, { type: 'integer' }),
    column('Global-Default', (object) => object['globalDefault'] === true, { type: 'boolean' }),
    ageColumn,
    fieldColumn('PreemptionPolicy', ['preemptionPolicy'], ''),
  ],
  setDefaults: (object) => setDefault(object, 'preemptionPolicy', 'PreemptLowerPriority'),
  validate: (object) => {
    const { name } = object.metadata;
    const value = numberAt(object, 'value') ?? 0;
    const policy = stringAt(object, 'preemptionPolicy') ?? '';
    return [
      ...(name.startsWith('system-')
        ? [
            forbiddenField(
              'metadata.name',
              "priority class names with 'system-' prefix are reserved for system use only",
            ),
          ]
        : []),
      ...(value > MAX_USER_PRIORITY
        ? [forbiddenField('value', `maximum allowed value of a user defined priority is ${MAX_USER_PRIORITY}`)]
        : []),
      ...(POLICIES.includes(policy) ? [] : [notSupported('preemptionPolicy', policy, POLICIES)]),
    ];
  },
  validateUpdate: (next, old) =>
    equal(next['value'], old['value']) ? [] : [forbiddenField('value', 'may not be changed in an update.')],
  warnings: noEffect('PriorityClass', 'no pod makes room for another'),
};

const pairs = (limits: boolean) =>
  column(limits ? 'Limit' : 'Request', (object) =>
    Object.entries(stringMapAt(object, 'spec', 'hard'))
      .filter(([name]) => name.startsWith('limits.') === limits)
      .map(([name, hard]) => `${name}: ${stringAt(object, 'status', 'used', name) ?? '0'}/${hard}`)
      .toSorted()
      .join(', '),
  );

export const resourceQuotas: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'resourcequotas',
  singular: 'resourcequota',
  kind: 'ResourceQuota',
  namespaced: true,
  shortNames: ['quota'],
  schema: resourceQuota,
  status: true,
  returnsDeleted: true,
  nameFaults: dnsSubdomainFaults,
  columns: [nameColumn, pairs(false), pairs(true), ageColumn],
  prepareCreate: clearStatus(),
  warnings: noEffect('ResourceQuota', 'nothing is counted, and nothing is refused'),
};

const LIMIT_TYPES = ['Container', 'PersistentVolumeClaim', 'Pod'];

export const limitRanges: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'limitranges',
  singular: 'limitrange',
  kind: 'LimitRange',
  namespaced: true,
  shortNames: ['limits'],
  schema: limitRange,
  nameFaults: dnsSubdomainFaults,
  columns: [nameColumn, column('Created At', (object) => object.metadata.creationTimestamp ?? '')],
  validate: (object) =>
    listAt(object, 'spec', 'limits').flatMap((limit, index) => {
      const type = stringAt(limit, 'type') ?? '';
      return LIMIT_TYPES.includes(type) || type.includes('/')
        ? []
        : [invalid(`spec.limits[${index}].type`, type, 'must be a standard limit type or fully qualified')];
    }),
  warnings: noEffect('LimitRange', 'no container is given its defaults or held to its limits'),
};
