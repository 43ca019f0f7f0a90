import type { IdentitySelector, SelectorCache, SelectorKey } from '../identity/index.ts';
import type { PolicyEntry, PortSpec, RuleId } from '../model/index.ts';
import { type Prefix, protocolName } from '../net/index.ts';
import type { BoundEntry } from './claims.ts';
import type { RuleTable } from './rules.ts';

/** An entry whose selectors are registered with the selector cache. */
export type Installed = {
  /** Never given twice; names the entry in the key of a rule set. */
  readonly serial: number;
  readonly entry: PolicyEntry;
  readonly rule: RuleId;
  readonly subject: SelectorKey;
  readonly peers: readonly SelectorKey[];
  /** See `BoundEntry.named`. */
  readonly named: readonly SelectorKey[];
  /** The policy itself while it is there, and every rule set that the entry is in. */
  users: number;
};

export function install(entry: PolicyEntry, serial: number, cache: SelectorCache, rules: RuleTable): Installed {
  return {
    serial,
    entry,
    rule: rules.acquire(entry.origin),
    subject: cache.acquire(entry.subject),
    peers: entry.peers === 'any' ? [] : entry.peers.map((peer) => cache.acquire(peer)),
    named: namedPortSelectors(entry).map((selector) => cache.acquire(selector)),
    users: 1,
  };
}

export function uninstall(installed: Installed, cache: SelectorCache, rules: RuleTable): void {
  for (const key of [installed.subject, ...installed.peers, ...installed.named]) cache.release(key);
  rules.release(installed.rule);
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
