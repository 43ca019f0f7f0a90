import { TENANT_FLAG } from '../model/gen/enums.ts';
import { POLICY_TABLE_EVERYBODY, POLICY_TABLE_PEERS, TENANT_FLAG_BITS } from '../model/gen/numbers.ts';
import {
  DEFAULT_RULE,
  DIRECTIONS,
  type Direction,
  type IdentityId,
  type PolicyRow,
  type PolicyTableId,
  type PolicyTableValue,
} from '../model/index.ts';
import { type Addr, type Prefix, PrefixSet, protocolName } from '../net/index.ts';
import { Borders, type Point } from './cells.ts';
import type { Owner, Peer, PolicySide, SharedPort, World } from './world.ts';

/** What is in the kernel's maps, row by row; see bpf/lib/types.h. */
export type KernelDump = {
  /** Identity and tables by direction of what is open on this node; several where words of one identity differ. */
  readonly subjects: readonly KernelSubject[];
  /** Rows by table and group, and groups of peers by table. Undefined: policies are off. */
  readonly policy:
    | {
        readonly rows: ReadonlyMap<PolicyTableId, ReadonlyMap<number, readonly PolicyRow[]>>;
        readonly peers: ReadonlyMap<PolicyTableId, ReadonlyMap<IdentityId, number>>;
      }
    | undefined;
  /** `tenants` of identities. */
  readonly owners: (identity: IdentityId) => bigint;
  /** `tenant_shares` that are not over. */
  readonly shares: readonly KernelShare[];
  /** `tenant_world`: what the tenant with this number lists. */
  readonly listed: readonly KernelListed[];
};

export type KernelListed = { readonly tenant: bigint; readonly prefix: Prefix };

export type KernelSubject = {
  readonly identity: IdentityId;
  /** By direction, as in a word's revision; 0: nothing is allowed. */
  readonly tables: readonly [PolicyTableId, PolicyTableId];
};

export type KernelShare = Point & { readonly opener: IdentityId; readonly responder: IdentityId };

const UNKNOWN = 0 as IdentityId;

/** The account that the maps give, read as the programs read them (bpf/lib/policy.h, bpf/lib/tenant.h). */
export class KernelWorld implements World {
  readonly #dump: KernelDump;
  /** By table, group of the prefix, and group: it is asked for a million times. */
  readonly #sides = new Map<PolicyTableId, Map<number, Map<number, PolicySide>>>();
  readonly #tables = new Map<IdentityId, KernelSubject['tables']>();
  readonly #shares = new Map<IdentityId, Map<IdentityId, SharedPort[]>>();
  readonly #owners = new Map<bigint, Owner>();
  readonly #listed: ReadonlyMap<bigint, PrefixSet>;

  constructor(dump: KernelDump) {
    this.#dump = dump;
    for (const { identity, tables } of dump.subjects) this.#tables.set(identity, tables);
    const byTenant = Map.groupBy(dump.listed, ({ tenant }) => tenant);
    this.#listed = new Map(
      Array.from(byTenant, ([tenant, rows]) => [tenant, new PrefixSet(rows.map(({ prefix }) => prefix))]),
    );
    for (const { opener, responder, protocol, port } of dump.shares) {
      const of = this.#shares.get(opener) ?? new Map<IdentityId, SharedPort[]>();
      this.#shares.set(opener, of);
      const list = of.get(responder) ?? [];
      of.set(responder, list);
      list.push({ protocol, port, text: shareText({ opener, responder, protocol, port }) });
    }
  }

  owner(identity: IdentityId): Owner | undefined {
    const row = this.row(identity);
    const known = this.#owners.get(row);
    if (known !== undefined) return known;
    const has = (flag: number): boolean => (row & BigInt(flag)) !== 0n;
    if (!has(TENANT_FLAG.known)) return undefined;
    const owner: Owner = {
      group: `${tenantNumberOf(row)}`,
      isClosed: has(TENANT_FLAG.closed),
      noWorld: has(TENANT_FLAG['no-world']),
      lists: (addr) => has(TENANT_FLAG.listed) && this.#listedRow(row, addr) !== undefined,
      noMetadata: has(TENANT_FLAG['no-metadata']),
      noToNodes: has(TENANT_FLAG['no-to-nodes']),
      noFromNodes: has(TENANT_FLAG['no-from-nodes']),
    };
    this.#owners.set(row, owner);
    return owner;
  }

  /** The row that says whose it is. */
  row(identity: IdentityId): bigint {
    return this.#dump.owners(identity) || this.#dump.owners(UNKNOWN);
  }

  /** Which rows say of a pod of this identity what is between it and whoever has this address. */
  floorRows(identity: IdentityId, addr: Addr | undefined): string[] {
    const row = this.row(identity);
    const listed = addr && this.#listedRow(row, addr);
    return [
      `tenants row: identity ${identity} is 0x${row.toString(16)}`,
      ...(listed === undefined ? [] : [`tenant_world row: tenant ${tenantNumberOf(row)} lists ${listed.toString()}`]),
    ];
  }

  #listedRow(row: bigint, addr: Addr): Prefix | undefined {
    return this.#listed.get(tenantNumberOf(row))?.longest(addr);
  }

  shared(opener: IdentityId, responder: IdentityId): readonly SharedPort[] {
    return this.#shares.get(opener)?.get(responder) ?? [];
  }

  side(subject: IdentityId, direction: Direction, peer: Peer): PolicySide | undefined {
    const tables = this.#tables.get(subject);
    return tables === undefined ? undefined : this.sideOf(tables, direction, peer);
  }

  /** Of a subject with these tables. */
  sideOf(tables: KernelSubject['tables'], direction: Direction, peer: Peer): PolicySide {
    const { policy } = this.#dump;
    if (policy === undefined) return EVERYTHING;
    const table = tables[DIRECTIONS.indexOf(direction) as 0 | 1];
    // What a table may have is in its number, and nothing else is looked for.
    const peers = has(table, POLICY_TABLE_PEERS) ? policy.peers.get(table) : undefined;
    const own = peers?.get(peer.identity) ?? 0;
    const byPrefix = peer.cidr === UNKNOWN ? NO_PREFIX : (peers?.get(peer.cidr) ?? 0);
    const sides = this.#sidesOf(table, byPrefix);
    const known = sides.get(own);
    if (known !== undefined) return known;
    const rows = policy.rows.get(table);
    const everybody = has(table, POLICY_TABLE_EVERYBODY) ? rows?.get(0) : undefined;
    const groups = byPrefix === NO_PREFIX ? [own] : [own, byPrefix];
    const side = new TableSide(
      table,
      groups.map((group) => new LookUp(group, group === 0 ? [] : (rows?.get(group) ?? []), everybody ?? [])),
    );
    sides.set(own, side);
    return side;
  }

  #sidesOf(table: PolicyTableId, byPrefix: number): Map<number, PolicySide> {
    const of = this.#sides.get(table) ?? new Map<number, Map<number, PolicySide>>();
    this.#sides.set(table, of);
    const sides = of.get(byPrefix) ?? new Map<number, PolicySide>();
    of.set(byPrefix, sides);
    return sides;
  }
}

const tenantNumberOf = (row: bigint): bigint => row >> BigInt(TENANT_FLAG_BITS);

const has = (table: PolicyTableId, bit: number): boolean => (table & bit) !== 0;

/** No group: nothing is looked up by prefix. */
const NO_PREFIX = -1;

const EVERYTHING: PolicySide = {
  borders: new Borders(),
  allows: () => true,
  why: () => ['policies are not enforced'],
};

type Found = { readonly row: PolicyRow; readonly group: number };

/** One look-up of one identity of a peer: the longest match of its group, else that of group 0. */
class LookUp {
  readonly rows: readonly PolicyRow[];
  readonly #index: readonly (readonly [group: number, rows: Map<number, PolicyRow>])[];

  constructor(group: number, own: readonly PolicyRow[], everybody: readonly PolicyRow[]) {
    this.rows = [...own, ...everybody];
    const index = (rows: readonly PolicyRow[]) => new Map(rows.map((row) => [placeOf(row), row]));
    this.#index = [
      [group, index(own)],
      [0, index(everybody)],
    ];
  }

  find({ protocol, port }: Point): Found | undefined {
    for (const [group, rows] of this.#index) {
      for (let portBits = 16; portBits >= 0; portBits -= 1) {
        const row = rows.get(placeOf({ protocol, port: (port >> (16 - portBits)) << (16 - portBits), portBits }));
        if (row !== undefined) return { row, group };
      }
      const row = rows.get(placeOf({ protocol: 0, port: 0, portBits: 0 }));
      if (row !== undefined) return { row, group };
    }
    return undefined;
  }
}

class TableSide implements PolicySide {
  readonly borders = new Borders();
  readonly #table: PolicyTableId;
  readonly #lookUps: readonly LookUp[];

  constructor(table: PolicyTableId, lookUps: readonly LookUp[]) {
    this.#table = table;
    this.#lookUps = lookUps;
    for (const { protocol, port, portBits } of lookUps.flatMap(({ rows }) => rows)) {
      if (protocol !== 0) this.borders.add(protocol, port, port + (1 << (16 - portBits)) - 1);
    }
  }

  allows(point: Point): boolean {
    return this.#find(point)?.row.verdict === 'allow';
  }

  why(point: Point): readonly string[] {
    const found = this.#find(point);
    return [found === undefined ? `policy table ${this.#table}: no row` : rowText(this.#table, found)];
  }

  #find(point: Point): Found | undefined {
    return this.#lookUps
      .map((lookUp) => lookUp.find(point))
      .reduce(
        (best, found) => (found !== undefined && (best === undefined || beats(found.row, best.row)) ? found : best),
        undefined,
      );
  }
}

function beats(a: PolicyTableValue, b: PolicyTableValue): boolean {
  return a.precedence > b.precedence || (a.precedence === b.precedence && a.verdict === 'deny');
}

type Place = Pick<PolicyRow, 'protocol' | 'port' | 'portBits'>;

const placeOf = ({ protocol, port, portBits }: Place): number => (protocol * 32 + portBits) * 0x1_0000 + port;

function rowText(table: PolicyTableId, { row, group }: Found): string {
  const { protocol, port, portBits, verdict, rule } = row;
  const ports = portBits === 0 ? '' : ` ${port}${portBits === 16 ? '' : `/${portBits}`}`;
  const what = protocol === 0 ? 'any protocol' : `${protocolName(protocol)}${ports}`;
  const why = rule === DEFAULT_RULE ? 'no rule' : `rule ${rule}`;
  return `policy row: table ${table}, group ${group}, ${what}: ${verdict} (${why})`;
}

export function shareText({ opener, responder, protocol, port }: KernelShare): string {
  return `tenant_shares row: identity ${opener} may open ${protocolName(protocol)} ${port} of identity ${responder}`;
}
