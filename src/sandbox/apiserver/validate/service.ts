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
import { parseSloppyCidr } from '../../../net/index.ts';
import { at, type Json, listAt, numberAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { validateClusterIps, validateClusterIpsUpdate } from './cluster-ips.ts';
import { specialIpFaults } from './ip.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const AFFINITIES = ['ClientIP', 'None'];
const TRAFFIC_POLICIES = ['Cluster', 'Local'];
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];

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
  errors.push(...oneOf(spec, 'trafficDistribution', DISTRIBUTIONS), ...validateClusterIps(spec));
  for (const [index, ip] of listAt(spec, 'externalIPs').entries()) {
    if (typeof ip !== 'string' || isIP(ip) === 0) {
      errors.push(
        invalid(`spec.externalIPs[${index}]`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
      );
    } else errors.push(...specialIpFaults(ip).map((fault) => invalid(`spec.externalIPs[${index}]`, ip, fault)));
  }
  errors.push(...validateAffinity(spec), ...validateExternalPolicy(spec, type), ...validateBalancer(spec, type));
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

/** What only a load balancer has. */
function validateBalancer(spec: Json | undefined, type: string): FieldError[] {
  const errors: FieldError[] = [];
  const ranges = listAt(spec, 'loadBalancerSourceRanges');
  if (type !== 'LoadBalancer') {
    const may = "may only be used when `type` is 'LoadBalancer'";
    if (ranges.length > 0) errors.push(forbiddenField('spec.loadBalancerSourceRanges', may));
    for (const key of ['loadBalancerClass', 'allocateLoadBalancerNodePorts']) {
      if (at(spec, key) !== undefined) errors.push(forbiddenField(`spec.${key}`, may));
    }
  }
  for (const [index, range] of ranges.entries()) {
    if (typeof range === 'string' && parseSloppyCidr(range.trim()) !== undefined) continue;
    const form = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
    errors.push(invalid(`spec.loadBalancerSourceRanges[${index}]`, range, form));
  }
  const port = numberAt(spec, 'healthCheckNodePort') ?? 0;
  if (port !== 0 && !(type === 'LoadBalancer' && stringAt(spec, 'externalTrafficPolicy') === 'Local')) {
    const may = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalid('spec.healthCheckNodePort', port, may));
  }
  return errors;
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

export function validateServiceUpdate(next: KubeObject, old: KubeObject): FieldError[] {
  return [...validateClusterIpsUpdate(at(next, 'spec'), at(old, 'spec')), ...validateHealthPort(next, old)];
}

function validateHealthPort(next: KubeObject, old: KubeObject): FieldError[] {
  const [port, before] = [next, old].map((one) => numberAt(one, 'spec', 'healthCheckNodePort') ?? 0);
  const field = 'spec.healthCheckNodePort';
  return port === before || port === 0 || before === 0 ? [] : [forbiddenField(field, 'field is immutable')];
}
