import type { z } from 'zod';
import { isMembraneError } from '../base/index.ts';
import { Prefix } from '../net/index.ts';
import { type FieldError, fieldPath } from './field-error.ts';
import {
  type NetworkPolicy,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  networkPolicySchema,
  type SelectorObject,
} from './network-policy.ts';
import { checkDnsLabel, checkLabelKey, checkLabelValue, checkPortName, checkSubdomain } from './validate-names.ts';

export type Validated = { readonly errors: readonly FieldError[]; readonly policy?: NetworkPolicy };

/** Accepts and rejects what the Kubernetes API server does (pkg/apis/networking/validation); all errors, not the first. */
export function validateNetworkPolicy(input: unknown): Validated {
  const parsed = networkPolicySchema.safeParse(input);
  if (!parsed.success) return { errors: parsed.error.issues.flatMap((issue) => shapeErrors(issue, input)) };
  const errors = [...metadataErrors(parsed.data), ...specErrors(parsed.data.spec)];
  return errors.length === 0 ? { errors, policy: parsed.data } : { errors };
}

/** What is accepted but hardly meant: the mask clears bits that were written. */
export function networkPolicyWarnings({ spec }: NetworkPolicy): string[] {
  const peers = [
    ...(spec?.ingress ?? []).flatMap(({ from = [] }, rule) =>
      from.map((peer, index) => ({ peer, at: `spec.ingress[${rule}].from[${index}]` })),
    ),
    ...(spec?.egress ?? []).flatMap(({ to = [] }, rule) =>
      to.map((peer, index) => ({ peer, at: `spec.egress[${rule}].to[${index}]` })),
    ),
  ];
  return peers.flatMap(({ peer, at }) => {
    const named = [
      { text: peer.ipBlock?.cidr, field: `${at}.ipBlock.cidr` },
      ...(peer.ipBlock?.except ?? []).map((text, index) => ({ text, field: `${at}.ipBlock.except[${index}]` })),
    ];
    return named.flatMap(({ text, field }) => {
      const network = text === undefined ? undefined : prefixOf(text);
      return network === undefined || isExact(text ?? '') ? [] : [`${field}: ${text} means ${network.toString()}`];
    });
  });
}

function shapeErrors(issue: z.core.$ZodIssue, input: unknown): FieldError[] {
  const field = fieldPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: fieldPath([...issue.path, key]),
      type: 'Unknown field',
      detail: 'no such field',
    }));
  }
  const value = issue.path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    input,
  );
  if (value === undefined) return [{ field: field || 'object', type: 'Required value', detail: '' }];
  const detail = issue.code === 'invalid_union' ? 'expected a number or a string' : lowerFirst(issue.message);
  return [{ field: field || 'object', type: 'Invalid value', value, detail }];
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

function metadataErrors({ metadata }: NetworkPolicy): FieldError[] {
  return [
    ...wrong('metadata.name', metadata.name, checkSubdomain(metadata.name)),
    ...(metadata.namespace === undefined
      ? []
      : wrong('metadata.namespace', metadata.namespace, checkDnsLabel(metadata.namespace))),
  ];
}

function specErrors(spec: NetworkPolicy['spec']): FieldError[] {
  if (spec === undefined) return [];
  const types = spec.policyTypes ?? [];
  return [
    ...selectorErrors(spec.podSelector, 'spec.podSelector'),
    ...(spec.ingress ?? []).flatMap((rule, index) =>
      ruleErrors(rule.ports, rule.from, `spec.ingress[${index}]`, 'from'),
    ),
    ...(spec.egress ?? []).flatMap((rule, index) => ruleErrors(rule.ports, rule.to, `spec.egress[${index}]`, 'to')),
    ...(types.length > 2 ? wrong('spec.policyTypes', types, 'must not have more than two elements') : []),
    ...types.flatMap((type, index) =>
      type === 'Ingress' || type === 'Egress'
        ? []
        : [unsupported(`spec.policyTypes[${index}]`, type, ['Ingress', 'Egress'])],
    ),
  ];
}

function ruleErrors(
  ports: readonly NetworkPolicyPort[] | undefined,
  peers: readonly NetworkPolicyPeer[] | undefined,
  at: string,
  list: 'from' | 'to',
): FieldError[] {
  return [
    ...(ports ?? []).flatMap((port, index) => portErrors(port, `${at}.ports[${index}]`)),
    ...(peers ?? []).flatMap((peer, index) => peerErrors(peer, `${at}.${list}[${index}]`)),
  ];
}

function portErrors({ protocol, port, endPort }: NetworkPolicyPort, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (protocol !== undefined && !['TCP', 'UDP', 'SCTP'].includes(protocol)) {
    errors.push(unsupported(`${at}.protocol`, protocol, ['SCTP', 'TCP', 'UDP']));
  }
  if (typeof port === 'number') errors.push(...wrong(`${at}.port`, port, checkPortNumber(port)));
  if (typeof port === 'string') errors.push(...wrong(`${at}.port`, port, checkPortName(port)));
  if (endPort === undefined) return errors;
  if (port === undefined) {
    errors.push({ field: `${at}.port`, type: 'Required value', detail: 'must be given when `endPort` is' });
  } else if (typeof port === 'string') {
    errors.push({
      field: `${at}.endPort`,
      type: 'Invalid value',
      value: endPort,
      detail: 'must not be given when `port` is a name',
    });
  } else {
    const reason = endPort < port ? 'must not be smaller than `port`' : checkPortNumber(endPort);
    errors.push(...wrong(`${at}.endPort`, endPort, reason));
  }
  return errors;
}

function peerErrors({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, at: string): FieldError[] {
  const errors = [
    ...selectorErrors(podSelector, `${at}.podSelector`),
    ...selectorErrors(namespaceSelector, `${at}.namespaceSelector`),
    ...blockErrors(ipBlock, `${at}.ipBlock`),
  ];
  const selectors = [podSelector, namespaceSelector].filter((selector) => selector !== undefined).length;
  if (selectors === 0 && ipBlock === undefined) {
    errors.push({ field: at, type: 'Required value', detail: 'must have podSelector, namespaceSelector or ipBlock' });
  }
  if (selectors > 0 && ipBlock !== undefined) {
    errors.push({ field: at, type: 'Forbidden', detail: 'ipBlock must stand alone in its peer' });
  }
  return errors;
}

function blockErrors(block: NetworkPolicyPeer['ipBlock'], at: string): FieldError[] {
  if (block === undefined) return [];
  if (block.cidr === undefined || block.cidr === '')
    return [{ field: `${at}.cidr`, type: 'Required value', detail: '' }];
  const outer = prefixOf(block.cidr);
  const errors = outer === undefined ? wrong(`${at}.cidr`, block.cidr, NOT_A_PREFIX) : [];
  for (const [index, text] of (block.except ?? []).entries()) {
    const inner = prefixOf(text);
    const within =
      inner !== undefined && (outer === undefined || (outer.contains(inner) && inner.length > outer.length));
    const reason = inner === undefined ? NOT_A_PREFIX : `must be a strict subset of ${block.cidr}`;
    if (!within) errors.push(...wrong(`${at}.except[${index}]`, text, reason));
  }
  return errors;
}

const NOT_A_PREFIX = 'must be a prefix like 10.9.8.0/24 or 2001:db8::/64';

function prefixOf(text: string): Prefix | undefined {
  try {
    return Prefix.parse(text, { hostBits: 'clear' });
  } catch (error) {
    if (isMembraneError(error)) return undefined;
    throw error;
  }
}

function isExact(text: string): boolean {
  try {
    Prefix.parse(text);
    return true;
  } catch {
    return false;
  }
}

function selectorErrors(selector: SelectorObject | undefined, at: string): FieldError[] {
  if (selector === undefined) return [];
  const labels = Object.entries(selector.matchLabels ?? {}).flatMap(([key, value]) => [
    ...wrong(`${at}.matchLabels`, key, checkLabelKey(key)),
    ...wrong(`${at}.matchLabels`, value, checkLabelValue(value)),
  ]);
  const expressions = (selector.matchExpressions ?? []).flatMap((expression, index) =>
    expressionErrors(expression, `${at}.matchExpressions[${index}]`),
  );
  return [...labels, ...expressions];
}

type Expression = NonNullable<SelectorObject['matchExpressions']>[number];

function expressionErrors({ key, operator, values = [] }: Expression, at: string): FieldError[] {
  const errors = wrong(`${at}.key`, key, checkLabelKey(key));
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.push({
          field: `${at}.values`,
          type: 'Required value',
          detail: `must not be empty with operator ${operator}`,
        });
      }
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push({
          field: `${at}.values`,
          type: 'Forbidden',
          detail: `must not be given with operator ${operator}`,
        });
      }
      break;
    default:
      errors.push({
        field: `${at}.operator`,
        type: 'Invalid value',
        value: operator,
        detail: 'must be In, NotIn, Exists or DoesNotExist',
      });
  }
  return [
    ...errors,
    ...values.flatMap((value, index) => wrong(`${at}.values[${index}]`, value, checkLabelValue(value))),
  ];
}

function checkPortNumber(port: number): string | undefined {
  return port >= 1 && port <= 0xffff ? undefined : 'must be between 1 and 65535';
}

function wrong(field: string, value: unknown, detail: string | undefined): FieldError[] {
  return detail === undefined ? [] : [{ field, type: 'Invalid value', value, detail }];
}

function unsupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  return {
    field,
    type: 'Unsupported value',
    value,
    detail: `supported values: ${supported.map((text) => `"${text}"`).join(', ')}`,
  };
}
