import type { Prefix } from '../net/index.ts';
import { policyKey } from './policy-key.ts';
import type { Direction } from './policy-table.ts';
import type { LabelSelector } from './selector.ts';

/** Which rule of which object; `rule` counts from 0 in the list of its direction, undefined = the object as a whole. */
export type RuleOrigin = {
  readonly kind: string;
  /** Absent for cluster-wide kinds. */
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
  readonly direction: Direction;
  readonly rule?: number;
};

/** Pods of some namespaces. Both parts of `namespace` must hold; none given = every namespace. */
export type PodSelector = {
  readonly kind: 'pods';
  readonly namespace: { readonly name?: string; readonly selector?: LabelSelector };
  readonly pods: LabelSelector;
};

/** Addresses of a prefix without those of `except`. Families never cover each other. */
export type PrefixSelector = { readonly kind: 'prefix'; readonly prefix: Prefix; readonly except: readonly Prefix[] };

/**
 * Peers by what they are. `remote-node` includes nodes that serve the API; `cluster` is every pod and node, `world`
 * every address that belongs to neither.
 */
export type Entity = 'host' | 'remote-node' | 'kube-apiserver' | 'world' | 'cluster' | 'all';
export type EntitySelector = { readonly kind: 'entity'; readonly entity: Entity };

export type PeerSelector = PodSelector | PrefixSelector | EntitySelector;

/** Destination ports. Protocols are IANA numbers; for ICMP and ICMPv6 a port is `type << 8 | code`. */
export type PortSpec =
  | { readonly protocol: number; readonly from: number; readonly to: number }
  /** A container port's name, resolved at the destination pod and only for this protocol. */
  | { readonly protocol: number; readonly name: string };

/** Evaluated in this order; each tier is consulted only where the ones before it did not decide. */
export type Tier = 'admin' | 'network' | 'baseline';

/** One rule of any policy kind, flat. Lists are unions. */
export type PolicyEntry = {
  readonly subject: PodSelector;
  readonly direction: Direction;
  readonly tier: Tier;
  /** Within the tier the lower is evaluated first; 0 to 2^28-1. Kinds without an order use 0 throughout. */
  readonly order: number;
  /** `any` = everybody, named or not; an empty list = nobody. */
  readonly peers: 'any' | readonly PeerSelector[];
  /** `any` = every protocol; an empty list = none. */
  readonly ports: 'any' | readonly PortSpec[];
  /** `pass` ends the tier without a verdict. */
  readonly verdict: 'allow' | 'deny' | 'pass';
  /** Its subjects refuse in this direction whatever no entry allows. */
  readonly isolates: boolean;
  /** Why it covers nobody though its rule may mean somebody: it could not be read, or its peers do not fit. */
  readonly closed?: 'unreadable' | 'no-room';
  readonly origin: RuleOrigin;
};

/** `ingress rule 1`; undefined: no rule, but the object as a whole. */
export function formatRule({ direction, rule }: RuleOrigin): string | undefined {
  return rule === undefined ? undefined : `${direction} rule ${rule}`;
}

/** `NetworkPolicy shop/backend, ingress rule 1` (rules are counted from 0 as in field paths). */
export function formatOrigin(origin: RuleOrigin): string {
  const known = texts.get(origin);
  if (known !== undefined) return known;
  const rule = formatRule(origin);
  const text = rule === undefined ? policyKey(origin) : `${policyKey(origin)}, ${rule}`;
  texts.set(origin, text);
  return text;
}

/** Flows name rules again and again. */
const texts = new WeakMap<RuleOrigin, string>();
