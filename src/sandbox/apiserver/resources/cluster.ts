import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  labelKeyFaults,
  labelValueFaults,
  notSupported,
  required,
} from '../../../model/index.ts';
import { parseSloppyCidr } from '../../../net/index.ts';
import { at, ensureObject, isObject, listAt, setDefault, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, fieldColumn, isTrue, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { namespace, node } from '../schema/core.ts';
import { metadataFields } from '../selector/field-selector.ts';

export const namespaces: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'namespaces',
  singular: 'namespace',
  kind: 'Namespace',
  namespaced: false,
  shortNames: ['ns'],
  schema: namespace,
  status: true,
  returnsDeleted: true,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  nameFaults: dnsLabelFaults,
  selectableFields: { ...metadataFields, 'status.phase': (object) => stringAt(object, 'status', 'phase') ?? '' },
  columns: [nameColumn, fieldColumn('Status', ['status', 'phase'], ''), ageColumn],
  setDefaults: (object) => {
    // What selectors by namespace name rely on; the server puts it back whatever a client does.
    object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  },
  prepareCreate: (object) => {
    object['spec'] = { finalizers: ['kubernetes'] };
    object['status'] = { phase: 'Active' };
  },
  prepareUpdate: (next, old) => {
    next['spec'] = old['spec'];
  },
};

const TAINT_EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function validateNode(object: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const taints = new Set<string>();
  for (const [index, taint] of listAt(object, 'spec', 'taints').entries()) {
    const field = `spec.taints[${index}]`;
    const key = stringAt(taint, 'key') ?? '';
    const value = stringAt(taint, 'value') ?? '';
    const effect = stringAt(taint, 'effect') ?? '';
    errors.push(...labelKeyFaults(key).map((fault) => invalid(`${field}.key`, key, fault)));
    errors.push(...labelValueFaults(value).map((fault) => invalid(`${field}.value`, value, fault)));
    if (effect === '') errors.push(required(`${field}.effect`));
    else if (!TAINT_EFFECTS.includes(effect)) errors.push(notSupported(`${field}.effect`, effect, TAINT_EFFECTS));
    if (taints.has(`${key}:${effect}`)) errors.push(duplicate(field, taint));
    taints.add(`${key}:${effect}`);
  }
  for (const [index, cidr] of listAt(object, 'spec', 'podCIDRs').entries()) {
    if (typeof cidr === 'string' && parseSloppyCidr(cidr) !== undefined) continue;
    errors.push(
      invalid(`spec.podCIDRs[${index}]`, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'),
    );
  }
  return errors;
}

function validateNodeUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  const before = stringAt(old, 'spec', 'podCIDR') ?? '';
  if (before === '' || before === (stringAt(next, 'spec', 'podCIDR') ?? '')) return [];
  return [forbiddenField('spec.podCIDR', 'node updates may not change podCIDR except from "" to valid')];
}

function nodeStatusWord(object: KubeObject): string {
  const ready = listAt(object, 'status', 'conditions').find((c) => stringAt(c, 'type') === 'Ready');
  const word = ready === undefined ? 'Unknown' : isTrue(ready) ? 'Ready' : 'NotReady';
  return at(object, 'spec', 'unschedulable') === true ? `${word},SchedulingDisabled` : word;
}

function nodeRoles(object: KubeObject): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(object.metadata.labels ?? {})) {
    if (key.startsWith('node-role.kubernetes.io/')) roles.add(key.slice('node-role.kubernetes.io/'.length));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return roles.size === 0 ? '<none>' : [...roles].toSorted().join(',');
}

function nodeAddress(object: KubeObject, type: string): string {
  const found = listAt(object, 'status', 'addresses').find((a) => stringAt(a, 'type') === type);
  return stringAt(found, 'address') ?? '<none>';
}

export const nodes: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'nodes',
  singular: 'node',
  kind: 'Node',
  namespaced: false,
  shortNames: ['no'],
  schema: node,
  status: true,
  nameFaults: dnsSubdomainFaults,
  selectableFields: {
    ...metadataFields,
    'spec.unschedulable': (object) => String(at(object, 'spec', 'unschedulable') === true),
  },
  columns: [
    nameColumn,
    column('Status', nodeStatusWord),
    column('Roles', nodeRoles),
    ageColumn,
    fieldColumn('Version', ['status', 'nodeInfo', 'kubeletVersion'], ''),
    column('Internal-IP', (object) => nodeAddress(object, 'InternalIP'), { priority: 1 }),
    column('External-IP', (object) => nodeAddress(object, 'ExternalIP'), { priority: 1 }),
    fieldColumn('OS-Image', ['status', 'nodeInfo', 'osImage'], '<unknown>', 1),
    fieldColumn('Kernel-Version', ['status', 'nodeInfo', 'kernelVersion'], '<unknown>', 1),
    fieldColumn('Container-Runtime', ['status', 'nodeInfo', 'containerRuntimeVersion'], '<unknown>', 1),
  ],
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    const [first] = listAt(spec, 'podCIDRs');
    const single = stringAt(spec, 'podCIDR') ?? '';
    if (single !== '' && first === undefined) spec['podCIDRs'] = [single];
    else if (single === '' && typeof first === 'string') spec['podCIDR'] = first;
    const status = ensureObject(object, 'status');
    if (isObject(status['capacity'])) setDefault(status, 'allocatable', { ...status['capacity'] });
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
};
