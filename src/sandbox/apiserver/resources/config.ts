import {
  configKeyFaults,
  dnsSubdomainFaults,
  type FieldError,
  forbiddenField,
  invalid,
  tooLong,
} from '../../../model/index.ts';
import { at, equal, isObject, listAt, objectAt, setDefault, stringAt, stringMapAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, fieldColumn, nameColumn } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { configMap, secret, serviceAccount } from '../schema/core.ts';
import { lease } from '../schema/extensions.ts';
import { metadataFields } from '../selector/field-selector.ts';

const DATA_LIMIT = 1024 * 1024;

function validateData(maps: readonly string[]) {
  return (object: KubeObject): FieldError[] => {
    const errors: FieldError[] = [];
    const seen = new Set<string>();
    let size = 0;
    for (const name of maps) {
      for (const [key, value] of Object.entries(objectAt(object, name) ?? {})) {
        const field = `${name}[${key.slice(0, 253)}]`;
        errors.push(...configKeyFaults(key).map((fault) => invalid(field, key, fault)));
        if (seen.has(key)) errors.push(invalid(field, key, 'duplicate of key present in data'));
        seen.add(key);
        if (typeof value === 'string') size += Buffer.byteLength(value);
      }
    }
    if (size > DATA_LIMIT) errors.push(tooLong('', DATA_LIMIT));
    return errors;
  };
}

function validateDataUpdate(maps: readonly string[]) {
  return (next: KubeObject, old: KubeObject): FieldError[] => {
    if (old['immutable'] !== true) return [];
    const errors = maps
      .filter((name) => !equal(next[name], old[name]))
      .map((name) => forbiddenField(name, 'field is immutable when `immutable` is set'));
    if (next['immutable'] !== true) {
      errors.push(forbiddenField('immutable', 'field is immutable when `immutable` is set'));
    }
    return errors;
  };
}

const countOf = (object: KubeObject, ...maps: string[]): number =>
  maps.reduce((sum, name) => sum + Object.keys(objectAt(object, name) ?? {}).length, 0);

export const configMaps: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  namespaced: true,
  shortNames: ['cm'],
  schema: configMap,
  nameFaults: dnsSubdomainFaults,
  columns: [nameColumn, column('Data', (object) => countOf(object, 'data', 'binaryData')), ageColumn],
  validate: validateData(['data', 'binaryData']),
  validateUpdate: validateDataUpdate(['data', 'binaryData']),
};

export const secrets: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'secrets',
  singular: 'secret',
  kind: 'Secret',
  namespaced: true,
  schema: secret,
  nameFaults: dnsSubdomainFaults,
  selectableFields: { ...metadataFields, type: (object) => stringAt(object, 'type') ?? '' },
  columns: [nameColumn, fieldColumn('Type', ['type']), column('Data', (object) => countOf(object, 'data')), ageColumn],
  setDefaults: (object) => {
    setDefault(object, 'type', 'Opaque');
    const plain = stringMapAt(object, 'stringData');
    if (object['stringData'] === undefined) return;
    const encoded = Object.entries(plain).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    object['data'] = { ...objectAt(object, 'data'), ...Object.fromEntries(encoded) };
    delete object['stringData'];
  },
  validate: validateData(['data']),
  validateUpdate: (next, old) => [
    ...validateDataUpdate(['data'])(next, old),
    ...(next['type'] === old['type'] ? [] : [invalid('type', next['type'], 'field is immutable')]),
  ],
};

export const serviceAccounts: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'serviceaccounts',
  singular: 'serviceaccount',
  kind: 'ServiceAccount',
  namespaced: true,
  shortNames: ['sa'],
  schema: serviceAccount,
  returnsDeleted: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    column('Secrets', (object) => String(listAt(object, 'secrets').filter(isObject).length)),
    ageColumn,
  ],
};

export const leases: ResourceDefinition = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  singular: 'lease',
  kind: 'Lease',
  namespaced: true,
  schema: lease,
  nameFaults: dnsSubdomainFaults,
  columns: [nameColumn, fieldColumn('Holder', ['spec', 'holderIdentity'], ''), ageColumn],
  validate: (object) => {
    const duration = at(object, 'spec', 'leaseDurationSeconds');
    return typeof duration === 'number' && duration <= 0
      ? [invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0')]
      : [];
  },
};
