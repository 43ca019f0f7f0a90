import type { IdentitySelector, SelectorCache, SelectorKey } from '../identity/index.ts';
import type { PolicyEntry, PortSpec, RuleId } from '../model/index.ts';
import { type Prefix, protocolName } from '../net/index.ts';
import type { BoundEntry } from './compile.ts';
import type { RuleTable } from './rules.ts';

/** An entry whose selectors are registered with the selector cache. */
export type Installed = {
  readonly entry: PolicyEntry;
  readonly rule: RuleId;
  readonly subject: SelectorKey;
  readonly peers: readonly SelectorKey[];
  /** See `BoundEntry.named`. */
  readonly named: readonly SelectorKey[];
};

export function install(entry: PolicyEntry, cache: SelectorCache, rules: RuleTable): Installed {
  return {
    entry,
    rule: rules.intern(entry.origin),
    subject: cache.acquire(entry.subject),
    peers: entry.peers === 'any' ? [] : entry.peers.map((peer) => cache.acquire(peer)),
    named: namedPortSelectors(entry).map((selector) => cache.acquire(selector)),
  };
}

export function uninstall(installed: Installed, cache: SelectorCache): void {
  for (const key of [installed.subject, ...installed.peers, ...installed.named]) cache.release(key);
}

export function bind({ entry, rule, peers, named }: Installed, cache: SelectorCache): BoundEntry {
  return {
    entry,
    rule,
    peers: peers.map((key) => cache.members(key)),
    named: named.map((key) => cache.members(key)),
  };
}

/** Every prefix the entry names, excepts included: each needs an identity, so that addresses can be told apart. */
export function entryPrefixes(entry: PolicyEntry): Prefix[] {
  if (entry.peers === 'any') return [];
  return entry.peers.flatMap((peer) => (peer.kind === 'prefix' ? [peer.prefix, ...peer.except] : []));
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
