import type { IdentityId, RuleId } from './ids.ts';

export type Direction = 'ingress' | 'egress';

/**
 * Key of one row of a policy table. The more of (protocol, port) is fixed, the longer the prefix in the kernel's trie;
 * a look-up takes the longest match for the peer, and falls back to the rows of peer 0 ("any") only when the peer has no
 * matching row: so a peer's own rows already contain what "any" grants (the compiler merges).
 */
export type PolicyTableKey = {
  readonly direction: Direction;
  /** 0 = any peer. */
  readonly peer: IdentityId;
  /** IANA number; 0 = any protocol, and then `portBits` is 0. */
  readonly protocol: number;
  /** Destination port; for ICMP and ICMPv6 the type in the upper byte. Free bits are zero. */
  readonly port: number;
  /** How many leading bits of `port` count, 0 to 16. */
  readonly portBits: number;
};

export type PolicyTableValue = {
  readonly verdict: 'allow' | 'deny';
  /** Larger wins when two look-ups (by identity and by CIDR identity of the same peer) both match. 0 to 2^32-1. */
  readonly precedence: number;
  /** For explanation; 0 = a default. */
  readonly rule: RuleId;
};

export type PolicyTableRow = PolicyTableKey & PolicyTableValue;

/**
 * Everything the kernel needs to judge the packets of the endpoints of one identity. No matching row = deny with reason
 * "policy"; an unenforced direction has one row (any, 0, 0/0, allow).
 */
export type PolicyTable = readonly PolicyTableRow[];
