import { type Identity, type PeerSelector, selectorMatches } from '../model/index.ts';
import type { Protocol } from '../net/index.ts';
import { entityIncludes } from './reserved.ts';

/** What the selector cache can hold: policy peers and subjects, and pods that have a port of a given name. */
export type IdentitySelector =
  | PeerSelector
  | { readonly kind: 'named-port'; readonly protocol: Protocol; readonly name: string };

/** Equal selectors have equal keys; what a prefix excepts is no part of its key (see `SelectorCache`). */
export type SelectorKey = string & { readonly selectorKey: never };

export function selectorKey(selector: IdentitySelector): SelectorKey {
  return keyText(selector) as SelectorKey;
}

function keyText(selector: IdentitySelector): string {
  switch (selector.kind) {
    case 'pods': {
      const { name, selector: labels } = selector.namespace;
      return JSON.stringify(['pods', name ?? null, labels?.key ?? null, selector.pods.key]);
    }
    case 'prefix':
      return `prefix ${selector.prefix.toString()}`;
    case 'entity':
      return `entity ${selector.entity}`;
    case 'named-port':
      return JSON.stringify(['port', selector.protocol, selector.name]);
  }
}

export function selects(selector: IdentitySelector, identity: Identity): boolean {
  switch (selector.kind) {
    case 'pods': {
      if (identity.kind !== 'pod') return false;
      const { namespace, namespaceLabels, labels } = identity.workload;
      const { name, selector: namespaces } = selector.namespace;
      if (name !== undefined && name !== namespace) return false;
      if (namespaces !== undefined && !selectorMatches(namespaces, namespaceLabels)) return false;
      return selectorMatches(selector.pods, labels);
    }
    case 'prefix':
      return (
        identity.kind === 'cidr' &&
        selector.prefix.contains(identity.prefix) &&
        !selector.except.some((hole) => hole.contains(identity.prefix))
      );
    case 'entity':
      return entityIncludes(selector.entity, identity);
    case 'named-port':
      return (
        identity.kind === 'pod' &&
        identity.workload.namedPorts.some(
          ({ name, protocol }) => name === selector.name && protocol === selector.protocol,
        )
      );
  }
}
