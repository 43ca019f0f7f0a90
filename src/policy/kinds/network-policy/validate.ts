import { at, isObject, type Json, listAt, objectAt, stringAt } from '../../../base/index.ts';
import {
  type FieldError,
  forbiddenField,
  invalid,
  labelValueWarnings,
  notSupported,
  portNameFaults,
  portNumberFaults,
  required,
  validateLabelSelector,
} from '../../../model/index.ts';
import { Prefix, parseSloppyCidr, type SloppyCidr } from '../../../net/index.ts';

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const POLICY_TYPES = ['Ingress', 'Egress'];
const NOT_A_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** Until 1.27 nobody looked at the values of expressions, and what was stored then is still there. */
const ANY_VALUES = { anyValues: true };

/** networking.k8s.io/v1 NetworkPolicy: every rule that all servers from 1.24 on have; what only newer ones refuse is warned of. */
export function validate(policy: Json): FieldError[] {
  const spec = at(policy, 'spec');
  const errors = validateLabelSelector(at(spec, 'podSelector'), 'spec.podSelector', ANY_VALUES);
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
  errors.push(...validateLabelSelector(at(peer, 'podSelector'), `${field}.podSelector`, ANY_VALUES));
  errors.push(...validateLabelSelector(at(peer, 'namespaceSelector'), `${field}.namespaceSelector`, ANY_VALUES));
  if (given.includes('ipBlock')) errors.push(...validateIpBlock(at(peer, 'ipBlock'), `${field}.ipBlock`));
  const isEmpty = !isObject(peer) || Object.keys(peer).length === 0;
  if (given.length === 0 && isEmpty) errors.push(required(field, 'must specify a peer'));
  else if (given.length > 1 && given.includes('ipBlock')) {
    errors.push(forbiddenField(field, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

function validateIpBlock(block: Json | undefined, field: string): FieldError[] {
  const cidr = stringAt(block, 'cidr') ?? '';
  if (cidr === '') return [required(`${field}.cidr`)];
  const outer = parseSloppyCidr(cidr);
  if (outer === undefined) return [invalid(`${field}.cidr`, cidr, NOT_A_CIDR)];
  const errors: FieldError[] = [];
  for (const [index, except] of listAt(block, 'except').entries()) {
    const place = `${field}.except[${index}]`;
    const inner = typeof except === 'string' ? parseSloppyCidr(except) : undefined;
    if (inner === undefined) errors.push(invalid(place, except, NOT_A_CIDR));
    else if (!isStrictSubset(inner, outer)) errors.push(invalid(place, except, 'must be a strict subset of `cidr`'));
  }
  return errors;
}

/** As the real server decides it: lengths are compared as they are written. */
function isStrictSubset(inner: SloppyCidr, outer: SloppyCidr): boolean {
  return outer.prefix.contains(inner.prefix.network) && outer.length < inner.length;
}

/** What is accepted, as it always was, but hardly meant. */
export function warnings(policy: Json): string[] {
  const spec = at(policy, 'spec');
  const found = labelValueWarnings(at(spec, 'podSelector'), 'spec.podSelector');
  for (const [section, peers] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const) {
    for (const [r, rule] of listAt(spec, section).entries()) {
      for (const [p, peer] of listAt(rule, peers).entries()) {
        const field = `spec.${section}[${r}].${peers}[${p}]`;
        found.push(
          ...labelValueWarnings(at(peer, 'podSelector'), `${field}.podSelector`),
          ...labelValueWarnings(at(peer, 'namespaceSelector'), `${field}.namespaceSelector`),
          ...cidrWarnings(at(peer, 'ipBlock', 'cidr'), `${field}.ipBlock.cidr`),
          ...listAt(peer, 'ipBlock', 'except').flatMap((text, e) =>
            cidrWarnings(text, `${field}.ipBlock.except[${e}]`),
          ),
        );
      }
    }
  }
  return found;
}

/** In the words of KEP-4858. */
function cidrWarnings(value: Json | undefined, field: string): string[] {
  const parsed = typeof value === 'string' ? parseSloppyCidr(value) : undefined;
  if (typeof value !== 'string' || parsed === undefined) return [];
  const quoted = JSON.stringify(value);
  const meant = JSON.stringify(parsed.prefix.toString());
  if (parsed.hostBits) {
    return [`${field}: CIDR value ${quoted} is ambiguous in this context (should be ${meant} or one address?)`];
  }
  return isStrict(value)
    ? []
    : [
        `${field}: non-standard CIDR value ${quoted} will be considered invalid in a future Kubernetes release: use ${meant}`,
      ];
}

function isStrict(text: string): boolean {
  try {
    return !/^::ffff:/i.test(text) && Prefix.parse(text).toString() !== '';
  } catch {
    return false;
  }
}
