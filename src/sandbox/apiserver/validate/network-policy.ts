import { at, type Json, listAt, objectAt, stringAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { isStrictSubset, parseCidr } from './cidr.ts';
import { type FieldError, forbiddenField, invalid, notSupported, required } from './field-error.ts';
import { validateLabelSelector } from './label-selector.ts';
import { portNameFaults, portNumberFaults } from './names.ts';

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const POLICY_TYPES = ['Ingress', 'Egress'];
const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** networking.k8s.io/v1 NetworkPolicy: every rule of the real server. */
export function validateNetworkPolicy(policy: KubeObject): FieldError[] {
  const spec = at(policy, 'spec');
  const errors = validateLabelSelector(at(spec, 'podSelector'), 'spec.podSelector');
  for (const [section, peers] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    for (const [index, rule] of listAt(spec, section).entries()) {
      const field = `spec.${section}[${index}]`;
      listAt(rule, 'ports').forEach((port, i) => errors.push(...validatePort(port, `${field}.ports[${i}]`)));
      listAt(rule, peers).forEach((peer, i) => errors.push(...validatePeer(peer, `${field}.${peers}[${i}]`)));
    }
  }
  const types = listAt(spec, 'policyTypes');
  if (types.length > POLICY_TYPES.length) {
    return [...errors, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  }
  for (const [index, type] of types.entries()) {
    if (typeof type !== 'string' || !POLICY_TYPES.includes(type)) {
      errors.push(notSupported(`spec.policyTypes[${index}]`, type, POLICY_TYPES));
    }
  }
  return errors;
}

function validatePort(port: Json, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const protocol = stringAt(port, 'protocol');
  const number = at(port, 'port');
  const endPort = at(port, 'endPort');
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(`${field}.protocol`, protocol, PROTOCOLS));
  }
  if (number === undefined) {
    if (endPort !== undefined) {
      errors.push(invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is not specified'));
    }
  } else if (typeof number === 'number') {
    for (const fault of portNumberFaults(number)) errors.push(invalid(`${field}.port`, number, fault));
    if (typeof endPort === 'number') {
      if (endPort < number) {
        errors.push(invalid(`${field}.endPort`, endPort, 'must be greater than or equal to `port`'));
      }
      for (const fault of portNumberFaults(endPort)) errors.push(invalid(`${field}.endPort`, endPort, fault));
    }
  } else if (typeof number === 'string') {
    if (endPort !== undefined) {
      errors.push(invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric'));
    }
    for (const fault of portNameFaults(number)) errors.push(invalid(`${field}.port`, number, fault));
  }
  return errors;
}

function validatePeer(peer: Json, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const given = ['podSelector', 'namespaceSelector', 'ipBlock'].filter((key) => objectAt(peer, key) !== undefined);
  errors.push(...validateLabelSelector(at(peer, 'podSelector'), `${field}.podSelector`));
  errors.push(...validateLabelSelector(at(peer, 'namespaceSelector'), `${field}.namespaceSelector`));
  if (given.includes('ipBlock')) errors.push(...validateIpBlock(at(peer, 'ipBlock'), `${field}.ipBlock`));
  if (given.length === 0) errors.push(required(field, 'must specify a peer'));
  else if (given.length > 1 && given.includes('ipBlock')) {
    errors.push(forbiddenField(field, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

function validateIpBlock(block: Json | undefined, field: string): FieldError[] {
  const cidr = stringAt(block, 'cidr') ?? '';
  if (cidr === '') return [required(`${field}.cidr`)];
  const outer = parseCidr(cidr);
  if (outer === undefined) return [invalid(`${field}.cidr`, cidr, NOT_A_CIDR)];
  const errors: FieldError[] = [];
  for (const [index, except] of listAt(block, 'except').entries()) {
    const place = `${field}.except[${index}]`;
    const inner = typeof except === 'string' ? parseCidr(except) : undefined;
    if (inner === undefined) errors.push(invalid(place, except, NOT_A_CIDR));
    else if (!isStrictSubset(inner, outer)) errors.push(invalid(place, except, 'must be a strict subset of `cidr`'));
  }
  return errors;
}

/** CIDRs whose host bits are set are accepted, as they always were, with a warning. */
export function networkPolicyWarnings(policy: KubeObject): string[] {
  const warnings: string[] = [];
  const check = (value: Json | undefined, field: string): void => {
    if (typeof value !== 'string' || parseCidr(value)?.canonical !== false) return;
    warnings.push(
      `${field}: CIDR value ${JSON.stringify(value)} is ambiguous in this context (should be an address/prefix-length without host bits set)`,
    );
  };
  for (const [section, peers] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    for (const [r, rule] of listAt(policy, 'spec', section).entries()) {
      for (const [p, peer] of listAt(rule, peers).entries()) {
        const field = `spec.${section}[${r}].${peers}[${p}].ipBlock`;
        check(at(peer, 'ipBlock', 'cidr'), `${field}.cidr`);
        listAt(peer, 'ipBlock', 'except').forEach((except, e) => check(except, `${field}.except[${e}]`));
      }
    }
  }
  return warnings;
}
