import type { Identity, LabelSelector, PrefixSelector } from '../model/index.ts';
import { NAMESPACE_LABEL_PREFIX } from '../model/index.ts';
import type { IdentitySelector } from './select.ts';

/** A fact that some identities have; selectors and identities meet under it, so that neither has to scan the other. */
export type Anchor = string;

const namespace = (name: string): Anchor => `ns ${name}`;
const label = (key: string, value: string): Anchor => `label ${key}=${value}`;
const namespaceLabel = (key: string, value: string): Anchor => label(NAMESPACE_LABEL_PREFIX + key, value);
const port = (protocol: string, name: string): Anchor => `port ${protocol} ${name}`;
const kind = (name: Identity['kind']): Anchor => `kind ${name}`;
const EVERY: Anchor = '*';

/** Every anchor that the identity is found under. */
export function identityAnchors(identity: Identity): Anchor[] {
  const common = [EVERY, kind(identity.kind)];
  if (identity.kind !== 'pod') return common;
  const { workload } = identity;
  const anchors = [
    ...common,
    namespace(workload.namespace),
    ...Array.from(workload.labels, ([key, value]) => label(key, value)),
    ...Array.from(workload.namespaceLabels, ([key, value]) => namespaceLabel(key, value)),
    ...workload.namedPorts.map(({ protocol, name }) => port(protocol, name)),
  ];
  return [...new Set(anchors)];
}

/** Anchors each of which every identity that the selector selects must have, the more telling last. Never empty. */
export function selectorAnchors(selector: Exclude<IdentitySelector, PrefixSelector>): [Anchor, ...Anchor[]] {
  switch (selector.kind) {
    case 'pods': {
      const { name, selector: namespaces } = selector.namespace;
      return [
        kind('pod'),
        ...(name === undefined ? [] : [namespace(name)]),
        ...(namespaces === undefined ? [] : fixed(namespaces, namespaceLabel)),
        ...fixed(selector.pods, label),
      ];
    }
    case 'entity':
      return [EVERY];
    case 'named-port':
      return [port(selector.protocol, selector.name)];
  }
}

function fixed(selector: LabelSelector, anchor: (key: string, value: string) => Anchor): Anchor[] {
  return selector.requirements.flatMap(({ key, operator, values }) =>
    operator === 'In' && values.length === 1 && values[0] !== undefined ? [anchor(key, values[0])] : [],
  );
}
