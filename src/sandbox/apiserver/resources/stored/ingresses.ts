import { dnsSubdomainFaults, type FieldError, invalid, notSupported, required } from '../../../../model/index.ts';
import { at, isObject, type Json, listAt, objectAt, stringAt, stringMapAt } from '../../json.ts';
import type { KubeObject } from '../../object.ts';
import { ageColumn, column, fieldColumn, nameColumn, shortened } from '../../print/columns.ts';
import type { ResourceDefinition } from '../../resource.ts';
import { ingress, ingressClass } from '../../schema/ingress.ts';
import { clearStatus } from '../workloads/pod-template.ts';
import { noEffect } from './no-effect.ts';

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];

function validateBackend(backend: Json | undefined, field: string): FieldError[] {
  const hasService = at(backend, 'service') !== undefined;
  const hasResource = at(backend, 'resource') !== undefined;
  if (hasService && hasResource) {
    return [invalid(field, '', 'cannot set both resource and service backends')];
  }
  if (hasResource) return [];
  if (!hasService || (stringAt(backend, 'service', 'name') ?? '') === '') return [required(`${field}.service.name`)];
  const port = objectAt(backend, 'service', 'port');
  return port?.['number'] === undefined && (stringAt(port, 'name') ?? '') === ''
    ? [required(`${field}.service.port`, 'port name or number is required')]
    : [];
}

function validatePath(path: Json, field: string): FieldError[] {
  const type = stringAt(path, 'pathType') ?? '';
  const text = stringAt(path, 'path') ?? '';
  const errors: FieldError[] = PATH_TYPES.includes(type) ? [] : [notSupported(`${field}.pathType`, type, PATH_TYPES)];
  if (type !== 'ImplementationSpecific' && !text.startsWith('/')) {
    errors.push(invalid(`${field}.path`, text, 'must be an absolute path'));
  }
  return [...errors, ...validateBackend(at(path, 'backend'), `${field}.backend`)];
}

function validateIngress(object: KubeObject): FieldError[] {
  const rules = listAt(object, 'spec', 'rules');
  const backend = at(object, 'spec', 'defaultBackend');
  if (rules.length === 0 && backend === undefined) {
    return [invalid('spec', {}, 'either `defaultBackend` or `rules` must be specified')];
  }
  return [
    ...(backend === undefined ? [] : validateBackend(backend, 'spec.defaultBackend')),
    ...rules.flatMap((rule, index) =>
      listAt(rule, 'http', 'paths').flatMap((path, place) =>
        validatePath(path, `spec.rules[${index}].http.paths[${place}]`),
      ),
    ),
  ];
}

const hostsOf = (object: KubeObject): string =>
  shortened(
    listAt(object, 'spec', 'rules').map((rule) => stringAt(rule, 'host') || '*'),
    3,
  ).replace('<none>', '*');

export const ingresses: ResourceDefinition = {
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ingresses',
  singular: 'ingress',
  kind: 'Ingress',
  namespaced: true,
  shortNames: ['ing'],
  schema: ingress,
  status: true,
  generation: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    fieldColumn('Class', ['spec', 'ingressClassName']),
    column('Hosts', hostsOf),
    column('Address', (object) =>
      listAt(object, 'status', 'loadBalancer', 'ingress')
        .map((item) => stringAt(item, 'ip') || stringAt(item, 'hostname') || '')
        .join(','),
    ),
    column('Ports', (object) => (listAt(object, 'spec', 'tls').some(isObject) ? '80, 443' : '80')),
    ageColumn,
  ],
  prepareCreate: clearStatus({ loadBalancer: {} }),
  validate: validateIngress,
  warnings: noEffect(
    'Ingress',
    'there is no ingress controller; reach its services by their own address or a node port',
  ),
};

export const ingressClasses: ResourceDefinition = {
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ingressclasses',
  singular: 'ingressclass',
  kind: 'IngressClass',
  namespaced: false,
  schema: ingressClass,
  generation: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    fieldColumn('Controller', ['spec', 'controller'], ''),
    column('Parameters', (object) => {
      const { kind, name = '', apiGroup } = stringMapAt(object, 'spec', 'parameters');
      return kind === undefined ? '<none>' : `${kind}${apiGroup === undefined ? '' : `.${apiGroup}`}/${name}`;
    }),
    ageColumn,
  ],
  warnings: noEffect('IngressClass', 'there is no ingress controller'),
};
