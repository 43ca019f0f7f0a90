import { type IdentityId, type RuleId } from './ids.ts';

export type Direction = 'ingress' | 'egress';

/** Indexes of the kernel's arrays by direction. */
export const DIRECTIONS: readonly [Direction, Direction] = ['ingress', 'egress'];

export type PolicyTableValue = {
  readonly verdict: 'allow' | 'deny';
  /** Larger wins when two look-ups (by identity and by CIDR identity of the same peer) both match. 0 to 2^32-1. */
  readonly precedence: number;
  /** For explanation; 0 = a default. */
  readonly rule: RuleId;
};

/**
 * One row of a group. The more of (protocol, port) is fixed, the longer the prefix in the kernel's trie; a look-up takes
 * the longest match of the peer's group, and falls back to group 0 ("any") only when the group has no matching row: so a
 * group's rows already contain what "any" grants (the compiler merges).
 */
export type PolicyRow = PolicyTableValue & {
  /** IANA number; 0 = any protocol, and then `portBits` is 0. */
  readonly protocol: number;
  /** Destination port; for ICMP and ICMPv6 the type in the upper byte. Free bits are zero. */
  readonly port: number;
  /** How many leading bits of `port` count, 0 to 16. */
  readonly portBits: number;
};

/**
 * What the kernel needs to judge the packets of one direction of everybody whom the same rules are about. No matching
 * row = deny with reason "policy"; an unenforced direction has one row (group 0, any protocol, allow).
 */
export type PolicyTable = {
  /** By group; 0 = any peer, the only one that may be empty. */
  readonly groups: readonly (readonly PolicyRow[])[];
  /** The group of each peer that has one; never 0. */
  readonly peers: ReadonlyMap<IdentityId, number>;
  /** False: no peer ever has a group, whoever joins. */
  readonly selective: boolean;
};

export const EMPTY_TABLE: PolicyTable = { groups: [[]], peers: new Map(), selective: false };

/** Equal for groups that judge and explain alike. */
export function groupText(rows: readonly PolicyRow[]): string {
  return rows
    .map(({ protocol, port, portBits, verdict, precedence, rule }) =>
      [protocol, port, portBits, verdict, precedence, rule].join(' '),
    )
    .sort()
    .join();
}
