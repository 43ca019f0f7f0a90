import { isIP } from 'node:net';
import {
  dnsLabel1035Faults,
  dnsSubdomainFaults,
  duplicate,
  type FieldError,
  invalid,
  notSupported,
  portNumberFaults,
  required,
  tooMany,
} from '../../../model/index.ts';
import { ensureObject, isObject, type Json, listAt, numberAt, objectAt, setDefault, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { ageColumn, column, fieldColumn, formatMap, nameColumn, shortened } from '../print/columns.ts';
import type { ResourceDefinition } from '../resource.ts';
import { endpoints as endpointsSchema, service } from '../schema/core.ts';
import { endpointSlice } from '../schema/extensions.ts';
import { metadataFields } from '../selector/field-selector.ts';
import { isSelectorless } from '../validate/cluster-ips.ts';
import { specialIpFaults } from '../validate/ip.ts';
import { validateService, validateServiceUpdate } from '../validate/service.ts';
import { dropTypeDependentFields } from './service-update.ts';

function setServiceDefaults(object: KubeObject): void {
  const spec = ensureObject(object, 'spec');
  setDefault(spec, 'type', 'ClusterIP');
  setDefault(spec, 'sessionAffinity', 'None');
  const type = stringAt(spec, 'type');
  if (type !== 'ExternalName') {
    setDefault(spec, 'internalTrafficPolicy', 'Cluster');
    const isFree = isSelectorless(spec);
    setDefault(spec, 'ipFamilyPolicy', isFree ? 'RequireDualStack' : 'SingleStack');
    const isSingle = stringAt(spec, 'ipFamilyPolicy') === 'SingleStack';
    setDefault(spec, 'ipFamilies', isFree && !isSingle ? ['IPv4', 'IPv6'] : ['IPv4']);
  }
  if (type === 'NodePort' || type === 'LoadBalancer') setDefault(spec, 'externalTrafficPolicy', 'Cluster');
  if (type === 'LoadBalancer') setDefault(spec, 'allocateLoadBalancerNodePorts', true);
  if (stringAt(spec, 'sessionAffinity') === 'ClientIP') {
    const config = ensureObject(ensureObject(spec, 'sessionAffinityConfig'), 'clientIP');
    setDefault(config, 'timeoutSeconds', 10_800);
  } else if (stringAt(spec, 'sessionAffinity') === 'None') delete spec['sessionAffinityConfig'];
  const clusterIp = stringAt(spec, 'clusterIP') ?? '';
  const clusterIps = listAt(spec, 'clusterIPs');
  if (clusterIp !== '' && clusterIps.length === 0) spec['clusterIPs'] = [clusterIp];
  for (const port of listAt(spec, 'ports')) {
    if (!isObject(port)) continue;
    setDefault(port, 'protocol', 'TCP');
    if (port['targetPort'] === undefined || port['targetPort'] === 0 || port['targetPort'] === '') {
      if (port['port'] !== undefined) port['targetPort'] = port['port'];
    }
  }
  ensureObject(ensureObject(object, 'status'), 'loadBalancer');
}

function servicePorts(object: KubeObject): string {
  const ports = listAt(object, 'spec', 'ports').map((port) => {
    const nodePort = numberAt(port, 'nodePort') ?? 0;
    const number = numberAt(port, 'port');
    return nodePort === 0
      ? `${number}/${stringAt(port, 'protocol')}`
      : `${number}:${nodePort}/${stringAt(port, 'protocol')}`;
  });
  return ports.length === 0 ? '<none>' : ports.join(',');
}

function externalIp(object: KubeObject): string {
  const given = listAt(object, 'spec', 'externalIPs').map(String);
  const type = stringAt(object, 'spec', 'type');
  if (type === 'ExternalName') return stringAt(object, 'spec', 'externalName') ?? '<none>';
  const balanced = listAt(object, 'status', 'loadBalancer', 'ingress').map(
    (i) => stringAt(i, 'ip') ?? stringAt(i, 'hostname') ?? '',
  );
  const all = [...balanced, ...given];
  if (all.length > 0) return all.join(',');
  return type === 'LoadBalancer' ? '<pending>' : '<none>';
}

export const services: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'services',
  singular: 'service',
  kind: 'Service',
  namespaced: true,
  shortNames: ['svc'],
  categories: ['all'],
  schema: service,
  status: true,
  returnsDeleted: true,
  nameFaults: dnsLabel1035Faults,
  selectableFields: {
    ...metadataFields,
    'spec.clusterIP': (object) => stringAt(object, 'spec', 'clusterIP') ?? '',
    'spec.type': (object) => stringAt(object, 'spec', 'type') ?? '',
  },
  columns: [
    nameColumn,
    fieldColumn('Type', ['spec', 'type']),
    fieldColumn('Cluster-IP', ['spec', 'clusterIP']),
    column('External-IP', externalIp),
    column('Port(s)', servicePorts),
    ageColumn,
    column('Selector', (object) => formatMap(objectAt(object, 'spec', 'selector')), { priority: 1 }),
  ],
  setDefaults: setServiceDefaults,
  prepareUpdate: dropTypeDependentFields,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
};

function subsetAddresses(object: KubeObject): string[] {
  return listAt(object, 'subsets').flatMap((subset) => {
    const ports = listAt(subset, 'ports');
    return listAt(subset, 'addresses').flatMap((address) => {
      const ip = stringAt(address, 'ip') ?? '';
      return ports.length === 0 ? [ip] : ports.map((port) => `${ip}:${numberAt(port, 'port')}`);
    });
  });
}

export const endpoints: ResourceDefinition = {
  group: '',
  version: 'v1',
  resource: 'endpoints',
  singular: 'endpoints',
  kind: 'Endpoints',
  namespaced: true,
  shortNames: ['ep'],
  schema: endpointsSchema,
  nameFaults: dnsSubdomainFaults,
  columns: [nameColumn, column('Endpoints', (object) => shortened(subsetAddresses(object), 3)), ageColumn],
  setDefaults: (object) => {
    for (const subset of listAt(object, 'subsets')) defaultProtocols(listAt(subset, 'ports'));
  },
  validate: validateEndpoints,
};

function validateEndpoints(object: KubeObject): FieldError[] {
  return listAt(object, 'subsets').flatMap((subset, index) => {
    const field = `subsets[${index}]`;
    const lists = ['addresses', 'notReadyAddresses'].map((key) => [key, listAt(subset, key)] as const);
    if (lists.every(([, addresses]) => addresses.length === 0)) {
      return [required(field, 'must specify `addresses` or `notReadyAddresses`')];
    }
    return lists.flatMap(([key, addresses]) =>
      addresses.flatMap((address, place) => ipErrors(stringAt(address, 'ip') ?? '', `${field}.${key}[${place}].ip`)),
    );
  });
}

function ipErrors(ip: string, field: string): FieldError[] {
  const form = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
  return isIP(ip) === 0 ? [invalid(field, ip, form)] : specialIpFaults(ip).map((fault) => invalid(field, ip, fault));
}

function defaultProtocols(ports: Json[]): void {
  for (const port of ports) if (isObject(port)) setDefault(port, 'protocol', 'TCP');
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const MAX_ENDPOINTS = 1_000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;

function validateSlice(object: KubeObject, old?: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const type = stringAt(object, 'addressType') ?? '';
  if (type === '') errors.push(required('addressType'));
  else if (!ADDRESS_TYPES.includes(type)) errors.push(notSupported('addressType', type, ADDRESS_TYPES));
  if (old !== undefined && stringAt(old, 'addressType') !== type) {
    errors.push(invalid('addressType', type, 'field is immutable'));
  }
  const endpoints = listAt(object, 'endpoints');
  if (endpoints.length > MAX_ENDPOINTS) errors.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  for (const [index, endpoint] of endpoints.slice(0, MAX_ENDPOINTS).entries()) {
    errors.push(...validateAddresses(listAt(endpoint, 'addresses'), type, `endpoints[${index}].addresses`));
  }
  errors.push(...validateSlicePorts(listAt(object, 'ports')));
  return errors;
}

function validateAddresses(addresses: readonly Json[], type: string, field: string): FieldError[] {
  if (addresses.length === 0) return [required(field, 'must contain at least 1 address')];
  if (addresses.length > MAX_ADDRESSES) return [tooMany(field, addresses.length, MAX_ADDRESSES)];
  return addresses.flatMap((address, index) => {
    const text = typeof address === 'string' ? address : '';
    const at = `${field}[${index}]`;
    if (type === 'IPv4' && isIP(text) !== 4) return [invalid(at, text, 'must be an IPv4 address')];
    if (type === 'IPv6' && isIP(text) !== 6) return [invalid(at, text, 'must be an IPv6 address')];
    return specialIpFaults(text).map((fault) => invalid(at, text, fault));
  });
}

function validateSlicePorts(ports: readonly Json[]): FieldError[] {
  if (ports.length > MAX_PORTS) return [tooMany('ports', ports.length, MAX_PORTS)];
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const name = stringAt(port, 'name') ?? '';
    const number = numberAt(port, 'port');
    const protocol = stringAt(port, 'protocol') ?? '';
    const errors: FieldError[] = [];
    if (names.has(name)) errors.push(duplicate(`ports[${index}].name`, name));
    names.add(name);
    if (number !== undefined) {
      errors.push(...portNumberFaults(number).map((fault) => invalid(`ports[${index}].port`, number, fault)));
    }
    if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`ports[${index}].protocol`, protocol, PROTOCOLS));
    return errors;
  });
}

export const endpointSlices: ResourceDefinition = {
  group: 'discovery.k8s.io',
  version: 'v1',
  resource: 'endpointslices',
  singular: 'endpointslice',
  kind: 'EndpointSlice',
  namespaced: true,
  schema: endpointSlice,
  generation: true,
  nameFaults: dnsSubdomainFaults,
  columns: [
    nameColumn,
    fieldColumn('AddressType', ['addressType']),
    column('Ports', (object) =>
      shortened(
        listAt(object, 'ports').map((p) => String(numberAt(p, 'port') ?? '*')),
        3,
      ),
    ),
    column('Endpoints', (object) =>
      shortened(
        listAt(object, 'endpoints').flatMap((e) => listAt(e, 'addresses').map(String)),
        3,
      ),
    ),
    ageColumn,
  ],
  setDefaults: (object) => {
    object['endpoints'] ??= [];
    for (const port of listAt(object, 'ports')) {
      if (!isObject(port)) continue;
      setDefault(port, 'protocol', 'TCP');
      port['name'] ??= '';
    }
  },
  validate: validateSlice,
};
