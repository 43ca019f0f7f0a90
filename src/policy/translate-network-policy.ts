import {
  type Direction,
  EVERYTHING,
  type LabelSelector,
  labelSelector,
  type PeerSelector,
  type PodSelector,
  type PolicyEntry,
  type PortSpec,
  type RuleOrigin,
  type SelectorOperator,
} from '../model/index.ts';
import { PROTOCOL_NUMBERS, Prefix } from '../net/index.ts';
import { policyErrors } from './errors.ts';
import { type FieldError, formatFieldError, printableText } from './field-error.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, SelectorObject } from './network-policy.ts';
import { validateNetworkPolicy } from './validate-network-policy.ts';

/** A valid policy out of any object; E_POLICY_INVALID names the object and every field that is wrong. */
export function parseNetworkPolicy(input: unknown): NetworkPolicy {
  const { policy, errors } = validateNetworkPolicy(input);
  if (policy !== undefined) return policy;
  throw policyErrors.make('E_POLICY_INVALID', {
    detail: `${objectName(input)}: ${listed(errors)}`,
  });
}

/** `networking.k8s.io/v1` NetworkPolicy to entries; `namespace` stands in where metadata has none. */
export function translateNetworkPolicy(policy: NetworkPolicy, namespace = 'default'): PolicyEntry[] {
  const { spec } = policy;
  const home = policy.metadata.namespace ?? namespace;
  const context: Context = {
    home,
    subject: { kind: 'pods', namespace: { name: home }, pods: toSelector(spec?.podSelector) },
    origin: {
      kind: 'NetworkPolicy',
      namespace: home,
      name: policy.metadata.name,
      ...(policy.metadata.uid === undefined ? {} : { uid: policy.metadata.uid }),
    },
  };
  const types = spec?.policyTypes?.length ? spec.policyTypes : defaultTypes(spec);
  return [
    ...(types.includes('Ingress')
      ? directionEntries(
          context,
          'ingress',
          (spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })),
        )
      : []),
    ...(types.includes('Egress')
      ? directionEntries(
          context,
          'egress',
          (spec?.egress ?? []).map(({ to, ports }) => ({ peers: to, ports })),
        )
      : []),
  ];
}

type Context = {
  readonly home: string;
  readonly subject: PodSelector;
  readonly origin: Omit<RuleOrigin, 'direction' | 'rule'>;
};

type Rule = {
  readonly peers: readonly NetworkPolicyPeer[] | undefined;
  readonly ports: readonly NetworkPolicyPort[] | undefined;
};

/** Ingress always, egress when the policy has egress rules. */
function defaultTypes(spec: NetworkPolicy['spec']): string[] {
  return spec?.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
}

/** One entry a rule; without rules one that admits nobody, for the isolation. */
function directionEntries(
  { home, subject, origin }: Context,
  direction: Direction,
  rules: readonly Rule[],
): PolicyEntry[] {
  const common = { subject, direction, tier: 'network', order: 0, verdict: 'allow', isolates: true } as const;
  if (rules.length === 0) return [{ ...common, peers: [], ports: 'any', origin: { ...origin, direction } }];
  return rules.map(({ peers, ports }, rule) => ({
    ...common,
    // To Kubernetes an empty list of peers or ports is the same as none: no restriction.
    peers: peers?.length ? peers.map((peer) => toPeer(peer, home)) : 'any',
    ports: ports?.length ? ports.map(toPort) : 'any',
    origin: { ...origin, direction, rule },
  }));
}

function toPeer({ ipBlock, namespaceSelector, podSelector }: NetworkPolicyPeer, home: string): PeerSelector {
  if (ipBlock?.cidr !== undefined) {
    const parse = (text: string) => Prefix.parse(text, { hostBits: 'clear' });
    return { kind: 'prefix', prefix: parse(ipBlock.cidr), except: (ipBlock.except ?? []).map(parse) };
  }
  const namespace = namespaceSelector === undefined ? { name: home } : { selector: toSelector(namespaceSelector) };
  return { kind: 'pods', namespace, pods: toSelector(podSelector) };
}

function toPort({ protocol = 'TCP', port, endPort }: NetworkPolicyPort): PortSpec {
  const number = PROTOCOL_NUMBERS[protocol as 'TCP' | 'UDP' | 'SCTP'];
  if (typeof port === 'string') return { protocol: number, name: port };
  if (port === undefined) return { protocol: number, from: 0, to: 0xffff };
  return { protocol: number, from: port, to: endPort ?? port };
}

function toSelector(selector: SelectorObject | undefined): LabelSelector {
  if (selector === undefined) return EVERYTHING;
  return labelSelector({
    matchLabels: selector.matchLabels,
    matchExpressions: selector.matchExpressions?.map((expression) => ({
      ...expression,
      operator: expression.operator as SelectorOperator,
    })),
  });
}

const MOST = 20;

function listed(errors: readonly FieldError[]): string {
  const shown = errors.slice(0, MOST).map(formatFieldError);
  return [...shown, ...(errors.length > MOST ? [`and ${errors.length - MOST} more`] : [])].join('; ');
}

function objectName(input: unknown): string {
  const { kind, metadata } = (input ?? {}) as { kind?: unknown; metadata?: { namespace?: unknown; name?: unknown } };
  const name = [metadata?.namespace, metadata?.name].filter((part) => typeof part === 'string').join('/');
  return printableText(`${typeof kind === 'string' ? kind : 'object'} ${name}`.trim());
}
