import { type IdentitySelector, type SelectorCache, type SelectorKey, selectorKey } from '../../identity/index.ts';
import type { PodSelector, PolicyEntry, PortSpec, RuleId } from '../../model/index.ts';
import { type Prefix, protocolName } from '../../net/index.ts';
import type { BoundEntry } from '../compile/index.ts';
import type { RuleTable } from './rules.ts';

/** An entry of a policy that is in the repository. */
export type Installed = {
  /** Never given twice; names the entry in the key of a rule set. */
  readonly serial: number;
  readonly entry: PolicyEntry;
  readonly rule: RuleId;
  readonly subject: SelectorKey;
  /** For egress to `any` peers by port name: the pods that have a port of one of the names. */
  readonly named: readonly IdentitySelector[];
  /** The policy itself while it is there, and every rule set that the entry is in. */
  users: number;
};

export function install(entry: PolicyEntry, serial: number, cache: SelectorCache, rules: RuleTable): Installed {
  const named = namedPortSelectors(entry);
  return { serial, entry, rule: rules.acquire(entry.origin), subject: cache.acquire(entry.subject), named, users: 1 };
}

export function uninstall(installed: Installed, cache: SelectorCache, rules: RuleTable): void {
  cache.release(installed.subject);
  rules.release(installed.rule);
}

/** Whom the entry is about; registered while a rule set needs them: a policy without a subject here costs next to nothing. */
export function peerSelectors({ entry, named }: Installed): IdentitySelector[] {
  return [...(entry.peers === 'any' ? [] : entry.peers), ...named];
}

export function bind({ entry, rule, named }: Installed, cache: SelectorCache): BoundEntry {
  return {
    entry,
    rule,
    peers: entry.peers === 'any' ? [] : entry.peers.map((peer) => cache.members(peer)),
    named: named.map((selector) => cache.members(selector)),
  };
}

/** Every prefix the entry names, excepts included: each needs an identity, so that addresses can be told apart. */
export function entryPrefixes(entry: PolicyEntry): Prefix[] {
  if (entry.peers === 'any') return [];
  return entry.peers.flatMap((peer) => (peer.kind === 'prefix' ? [peer.prefix, ...peer.except] : []));
}

/**
 * What the peers cost that the selector cache finds: one for each different selector and one for each value in it. Prefixes
 * are not among them.
 */
export function peerTerms(entries: readonly PolicyEntry[]): number {
  const selectors = new Map<SelectorKey, number>();
  for (const entry of entries) {
    for (const peer of [...(entry.peers === 'any' ? [] : entry.peers), ...namedPortSelectors(entry)]) {
      if (peer.kind === 'prefix' || peer.kind === 'entity') continue;
      selectors.set(selectorKey(peer), 1 + (peer.kind === 'pods' ? valuesOf(peer) : 0));
    }
  }
  return selectors.values().reduce((sum, terms) => sum + terms, 0);
}

function valuesOf({ namespace, pods }: PodSelector): number {
  const requirements = [...(namespace.selector?.requirements ?? []), ...pods.requirements];
  return requirements.reduce((sum, { values }) => sum + Math.max(1, values.length), 0);
}

function namedPortSelectors(entry: PolicyEntry): IdentitySelector[] {
  if (entry.direction !== 'egress' || entry.peers !== 'any' || entry.ports === 'any') return [];
  return entry.ports.flatMap((port: PortSpec): IdentitySelector[] => {
    if (!('name' in port)) return [];
    const protocol = protocolName(port.protocol);
    return protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP'
      ? [{ kind: 'named-port', protocol, name: port.name }]
      : [];
  });
}
