import { ANY_PEER } from '../identity/index.ts';
import type { Direction, IdentityId, PolicyTable, PolicyTableRow, RuleId, Verdict } from '../model/index.ts';
import { DEFAULT_RULE } from './rules.ts';

/** One packet as the datapath sees it. */
export type Packet = {
  readonly direction: Direction;
  readonly peer: IdentityId;
  /** A second identity of a pod or node that CIDRs also select; 0 or absent = none. */
  readonly peerCidr?: IdentityId | undefined;
  /** IANA number. */
  readonly protocol: number;
  /** Destination port, or for ICMP `type << 8 | code`; 0 for protocols without ports. */
  readonly port: number;
};

/** `row` is absent when nothing matched, which is a denial. */
export type LookupResult = { readonly verdict: Verdict; readonly rule: RuleId; readonly row?: PolicyTableRow };

const DENIED: LookupResult = { verdict: 'deny', rule: DEFAULT_RULE };

/** The kernel's look-up in TypeScript: the reference for what a table means. */
export class TableLookup {
  readonly #rows = new Map<string, Map<number, PolicyTableRow>>();

  constructor(table: PolicyTable) {
    this.add(table);
  }

  /** Adds rows to the table, as to a live one. */
  add(rows: Iterable<PolicyTableRow>): void {
    for (const row of rows) {
      const peer = `${row.direction} ${row.peer}`;
      const known = this.#rows.get(peer) ?? new Map<number, PolicyTableRow>();
      known.set(prefixKey(row.protocol, row.port, row.portBits), row);
      this.#rows.set(peer, known);
    }
  }

  judge(packet: Packet): LookupResult {
    const own = this.#match(packet, packet.peer);
    const cidr =
      packet.peerCidr === undefined || packet.peerCidr === 0 ? undefined : this.#match(packet, packet.peerCidr);
    const row = own === undefined || (cidr !== undefined && beats(cidr, own)) ? cidr : own;
    return row === undefined ? DENIED : { verdict: row.verdict, rule: row.rule, row };
  }

  #match(packet: Packet, peer: IdentityId): PolicyTableRow | undefined {
    return this.#longest(packet, peer) ?? this.#longest(packet, ANY_PEER);
  }

  #longest({ direction, protocol, port }: Packet, peer: IdentityId): PolicyTableRow | undefined {
    const rows = this.#rows.get(`${direction} ${peer}`);
    if (rows === undefined) return undefined;
    for (let bits = 16; bits >= 0; bits -= 1) {
      const row = rows.get(prefixKey(protocol, port, bits));
      if (row !== undefined) return row;
    }
    return rows.get(prefixKey(0, 0, 0));
  }
}

function beats(a: PolicyTableRow, b: PolicyTableRow): boolean {
  if (a.precedence !== b.precedence) return a.precedence > b.precedence;
  return a.verdict === 'deny' && b.verdict === 'allow';
}

function prefixKey(protocol: number, port: number, bits: number): number {
  const fixed = (port >> (16 - bits)) << (16 - bits);
  return (protocol * 32 + bits) * 0x1_0000 + fixed;
}
