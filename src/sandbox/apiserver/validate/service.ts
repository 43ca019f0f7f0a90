import { isIP } from 'node:net';
import {
  dnsLabelFaults,
  dnsSubdomainFaults,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  portNameFaults,
  portNumberFaults,
  required,
  validateLabels,
} from '../../../model/index.ts';
import { at, equal, type Json, listAt, numberAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { specialIpFaults } from './ip.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const AFFINITIES = ['ClientIP', 'None'];
const TRAFFIC_POLICIES = ['Cluster', 'Local'];

export function validateService(service: KubeObject): FieldError[] {
  const spec = at(service, 'spec');
  const errors: FieldError[] = [];
  const type = stringAt(spec, 'type') ?? '';
  const headless = stringAt(spec, 'clusterIP') === 'None';
  if (!TYPES.includes(type)) errors.push(notSupported('spec.type', type, TYPES));
  if (type === 'ExternalName') {
    const name = stringAt(spec, 'externalName') ?? '';
    if (name === '') errors.push(required('spec.externalName'));
    else errors.push(...dnsSubdomainFaults(name.replace(/\.$/, '')).map((f) => invalid('spec.externalName', name, f)));
    if ((stringAt(spec, 'clusterIP') ?? '') !== '') {
      errors.push(forbiddenField('spec.clusterIPs[0]', 'may not be set for ExternalName services'));
    }
  } else if (listAt(spec, 'ports').length === 0 && !headless) {
    errors.push(required('spec.ports'));
  }
  if (type === 'LoadBalancer' && headless) {
    errors.push(invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for LoadBalancer services"));
  }
  if (type === 'NodePort' && headless) {
    errors.push(invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for NodePort services"));
  }
  errors.push(...validatePorts(spec), ...validateLabels(at(spec, 'selector'), 'spec.selector'));
  errors.push(...oneOf(spec, 'sessionAffinity', AFFINITIES), ...oneOf(spec, 'internalTrafficPolicy', TRAFFIC_POLICIES));
  errors.push(...oneOf(spec, 'externalTrafficPolicy', TRAFFIC_POLICIES));
  for (const [index, ip] of listAt(spec, 'clusterIPs').entries()) {
    if (ip !== 'None' && (typeof ip !== 'string' || isIP(ip) === 0)) {
      errors.push(
        invalid(`spec.clusterIPs[${index}]`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
      );
    }
  }
  for (const [index, ip] of listAt(spec, 'externalIPs').entries()) {
    if (typeof ip !== 'string' || isIP(ip) === 0) {
      errors.push(
        invalid(`spec.externalIPs[${index}]`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
      );
    } else errors.push(...specialIpFaults(ip).map((fault) => invalid(`spec.externalIPs[${index}]`, ip, fault)));
  }
  errors.push(...validateAffinity(spec), ...validateExternalPolicy(spec, type));
  return errors;
}

/** Seconds in a day. */
const MAX_AFFINITY = 86_400;

function validateAffinity(spec: Json | undefined): FieldError[] {
  const field = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  const seconds = numberAt(spec, 'sessionAffinityConfig', 'clientIP', 'timeoutSeconds');
  if (seconds === undefined || (seconds > 0 && seconds <= MAX_AFFINITY)) return [];
  return [invalid(field, seconds, `must be greater than 0 and less than ${MAX_AFFINITY}`)];
}

function validateExternalPolicy(spec: Json | undefined, type: string): FieldError[] {
  const policy = stringAt(spec, 'externalTrafficPolicy');
  const isExternal = type === 'NodePort' || type === 'LoadBalancer';
  if (policy === undefined || isExternal || listAt(spec, 'externalIPs').length > 0) return [];
  return [invalid('spec.externalTrafficPolicy', policy, 'may only be set for externally-accessible services')];
}

function oneOf(spec: Json | undefined, key: string, allowed: readonly string[]): FieldError[] {
  const value = stringAt(spec, key);
  return value === undefined || allowed.includes(value) ? [] : [notSupported(`spec.${key}`, value, allowed)];
}

function validatePorts(spec: Json | undefined): FieldError[] {
  const ports = listAt(spec, 'ports');
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const field = `spec.ports[${index}]`;
    const name = stringAt(port, 'name') ?? '';
    const number = numberAt(port, 'port') ?? 0;
    const protocol = stringAt(port, 'protocol') ?? '';
    const target = at(port, 'targetPort');
    if (name === '' && ports.length > 1) errors.push(required(`${field}.name`));
    else if (name !== '') {
      errors.push(...dnsLabelFaults(name).map((fault) => invalid(`${field}.name`, name, fault)));
      if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
      names.add(name);
    }
    errors.push(...portNumberFaults(number).map((fault) => invalid(`${field}.port`, number, fault)));
    if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${field}.protocol`, protocol, PROTOCOLS));
    if (typeof target === 'number') {
      errors.push(...portNumberFaults(target).map((fault) => invalid(`${field}.targetPort`, target, fault)));
    } else if (typeof target === 'string') {
      errors.push(...portNameFaults(target).map((fault) => invalid(`${field}.targetPort`, target, fault)));
    }
    const key = `${protocol}/${number}`;
    if (numbers.has(key)) errors.push(duplicate(field, { port: number, protocol }));
    numbers.add(key);
    const nodePort = numberAt(port, 'nodePort') ?? 0;
    if (nodePort !== 0 && stringAt(spec, 'type') === 'ClusterIP') {
      errors.push({
        type: 'FieldValueForbidden',
        field: `${field}.nodePort`,
        detail: "may not be used when `type` is 'ClusterIP'",
      });
    }
  }
  return errors;
}

/** The first cluster address stays as long as the service keeps having one. */
export function validateServiceUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  const [type, oldType] = [stringAt(next, 'spec', 'type'), stringAt(old, 'spec', 'type')];
  const [ips, oldIps] = [listAt(next, 'spec', 'clusterIPs'), listAt(old, 'spec', 'clusterIPs')];
  if (type === 'ExternalName' || oldType === 'ExternalName' || oldIps.length === 0) return [];
  return equal(ips[0], oldIps[0]) ? [] : [invalid('spec.clusterIPs[0]', ips, 'may not change once set')];
}
