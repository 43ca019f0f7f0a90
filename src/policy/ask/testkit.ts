import {
  DEFAULT_RULE,
  type Direction,
  type IdentityId,
  type PolicyRow,
  type PolicyTable,
  type RuleId,
  type Verdict,
} from '../../model/index.ts';

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
export type LookupResult = { readonly verdict: Verdict; readonly rule: RuleId; readonly row?: PolicyRow };

const DENIED: LookupResult = { verdict: 'deny', rule: DEFAULT_RULE };

/** The kernel's look-up in TypeScript: the reference for what the two tables of an endpoint mean. */
export class TableLookup {
  readonly #tables: Readonly<Record<Direction, PolicyTable>>;
  readonly #groups = new WeakMap<readonly PolicyRow[], Map<number, PolicyRow>>();

  constructor(tables: Readonly<Record<Direction, PolicyTable>>) {
    this.#tables = tables;
  }

  judge(packet: Packet): LookupResult {
    const own = this.#match(packet, packet.peer);
    const cidr =
      packet.peerCidr === undefined || packet.peerCidr === 0 ? undefined : this.#match(packet, packet.peerCidr);
    const row = own === undefined || (cidr !== undefined && beats(cidr, own)) ? cidr : own;
    return row === undefined ? DENIED : { verdict: row.verdict, rule: row.rule, row };
  }

  #match(packet: Packet, peer: IdentityId): PolicyRow | undefined {
    const { groups, peers } = this.#tables[packet.direction];
    const group = peers.get(peer);
    const own = group === undefined ? undefined : this.#longest(packet, groups[group]);
    return own ?? this.#longest(packet, groups[0]);
  }

  #longest({ protocol, port }: Packet, group: readonly PolicyRow[] = []): PolicyRow | undefined {
    const rows = this.#indexed(group);
    for (let bits = 16; bits >= 0; bits -= 1) {
      const row = rows.get(prefixKey(protocol, port, bits));
      if (row !== undefined) return row;
    }
    return rows.get(prefixKey(0, 0, 0));
  }

  #indexed(group: readonly PolicyRow[]): Map<number, PolicyRow> {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const rows = new Map(group.map((row) => [prefixKey(row.protocol, row.port, row.portBits), row]));
    this.#groups.set(group, rows);
    return rows;
  }
}

function beats(a: PolicyRow, b: PolicyRow): boolean {
  if (a.precedence !== b.precedence) return a.precedence > b.precedence;
  return a.verdict === 'deny' && b.verdict === 'allow';
}

function prefixKey(protocol: number, port: number, bits: number): number {
  const fixed = (port >> (16 - bits)) << (16 - bits);
  return (protocol * 32 + bits) * 0x1_0000 + fixed;
}
