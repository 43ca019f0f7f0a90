import type {
  IdentityId,
  PolicyRevision,
  PolicyRow,
  PolicyTable,
  PolicyTableId,
  PolicyTableValue,
} from '../../model/index.ts';
import { MapRoom } from './map-room.ts';
import { type PolicyMaps, peerKey, policyEntry, policyKey, policyRow } from './policy-maps.ts';
import type { TablePair } from './policy-revisions.ts';
import { isSelective, suits } from './policy-table-number.ts';

/** What an earlier life left in the kernel. */
export type PolicyLeftovers = {
  readonly revisions: ReadonlyMap<PolicyRevision, TablePair>;
  readonly tables: ReadonlyMap<PolicyTableId, PolicyTable>;
};

/** Of each map an eighth is for small tables: what others fill it with leaves room for everybody's ordinary policies. */
const SMALL_TABLE = 256;
const KEPT = 1 / 8;

/** What is written of a table: the table itself, so that it is not in memory twice, and how much of it. */
type Written = {
  readonly table: PolicyTable;
  readonly groups: Set<number>;
  readonly peers: Set<IdentityId>;
  rows: number;
};

/** One look-up. `peers`: the peer's identity, and that of its address where a policy's CIDR covers it. */
export type PolicyLookup = {
  readonly peers: readonly IdentityId[];
  readonly protocol: number;
  /** Destination port, or for ICMP `type << 8`. */
  readonly port: number;
};

/**
 * The policy tables of the node in their maps. A table that no revision names, and a revision that no endpoint word
 * names, are inert: write the table, then the revision, then the words; delete in the other order, later.
 */
export class PolicyTables {
  readonly #maps: PolicyMaps;
  /** A trie cannot be asked for the keys of one table. */
  readonly #written = new Map<PolicyTableId, Written>();
  readonly #room: MapRoom<'policy' | 'policy_peers'>;

  constructor(maps: PolicyMaps) {
    this.#maps = maps;
    const sizes = { policy: maps.rows.spec.maxEntries, policy_peers: maps.peers.spec.maxEntries };
    this.#room = new MapRoom({ sizes, kept: KEPT });
  }

  /** Rows of all tables. */
  get rows(): number {
    return this.#room.used('policy');
  }

  /** Peers of all tables. */
  get peers(): number {
    return this.#room.used('policy_peers');
  }

  /** Grows with everything that is deleted: what did not fit may fit when this has changed. */
  get freed(): number {
    return this.#room.freed;
  }

  /** Writes the whole table, under a number that suits it; nothing of one that does not fit. Throws E_DATAPATH_MAP_FULL. */
  async write(id: PolicyTableId, table: PolicyTable): Promise<void> {
    const written: Written = { table, groups: new Set(), rows: 0, peers: new Set() };
    this.#written.set(id, written);
    try {
      await this.#add(id, written, table.groups.keys(), table.peers);
    } catch (error) {
      await this.delete(id);
      throw error;
    }
  }

  /**
   * Gives peers of a table that may be in force their groups; 0 = none. A new group's rows are there before a peer is in
   * it, and who leaves goes first. Throws E_DATAPATH_MAP_FULL, and then nobody joined.
   */
  async extend(id: PolicyTableId, peers: ReadonlyMap<IdentityId, number>): Promise<void> {
    const written = this.#written.get(id);
    if (written === undefined) throw new RangeError(`policy table ${id} was never written`);
    const gone = Array.from(peers).flatMap(([peer, group]) => (group === 0 && written.peers.has(peer) ? [peer] : []));
    if (gone.length > 0) {
      await this.#maps.peers.deleteMany(gone.map((peer) => peerKey(id, peer)));
      for (const peer of gone) written.peers.delete(peer);
      this.#room.give({ policy: 0, policy_peers: gone.length });
    }
    const joined = new Map(Array.from(peers).filter(([, group]) => group !== 0));
    await this.#add(id, written, new Set(joined.values()), joined);
  }

  /** Removes everything of a table that no revision names any more. */
  async delete(id: PolicyTableId): Promise<void> {
    const written = this.#written.get(id);
    if (written === undefined) return;
    const { table, groups } = written;
    await this.#maps.peers.deleteMany(written.peers.values().map((peer) => peerKey(id, peer)));
    for (const group of groups) {
      await this.#maps.rows.deleteMany((table.groups[group] ?? []).map((row) => policyKey(id, group, row)));
    }
    // Not before: what could not be deleted is deleted by the next call.
    this.#written.delete(id);
    this.#room.give({ policy: written.rows, policy_peers: written.peers.size });
  }

  /** The row that decides, read as the datapath reads it (`policy_allows` in bpf/lib/policy.h); undefined denies. */
  lookUp(table: PolicyTableId, { peers, protocol, port }: PolicyLookup): PolicyTableValue | undefined {
    return peers
      .map((peer) => this.#rowFor(table, peer, protocol, port))
      .reduce(
        (best, row) => (row !== undefined && (best === undefined || outranks(row, best)) ? row : best),
        undefined,
      );
  }

  #rowFor(table: PolicyTableId, peer: IdentityId, protocol: number, port: number): PolicyTableValue | undefined {
    const place = { protocol, port, portBits: 16 };
    const group = this.#maps.peers.get(peerKey(table, peer));
    const own = group === undefined ? undefined : this.#maps.rows.get(policyKey(table, group, place));
    return own ?? this.#maps.rows.get(policyKey(table, 0, place));
  }

  /** There is room for every endpoint of the node to have two of them. */
  setRevision(revision: PolicyRevision, table: TablePair): void {
    this.#maps.revisions.set(revision, table);
  }

  deleteRevision(revision: PolicyRevision): void {
    this.#maps.revisions.delete(revision);
  }

  /** Everything in the kernel; known from then on. For taking over after a restart. */
  async load(): Promise<PolicyLeftovers> {
    const groups = new Map<PolicyTableId, PolicyRow[][]>();
    const of = (id: PolicyTableId): PolicyRow[][] => {
      const known = groups.get(id) ?? [[]];
      groups.set(id, known);
      return known;
    };
    for (const [key, value] of await this.#maps.rows.entries()) {
      const table = of(key.table);
      while (table.length <= key.group) table.push([]);
      table[key.group]?.push(policyRow(key, value));
    }
    const peers = new Map<PolicyTableId, Map<IdentityId, number>>();
    for (const [{ table, peer }, group] of await this.#maps.peers.entries()) {
      of(table);
      const known = peers.get(table) ?? new Map<IdentityId, number>();
      peers.set(table, known.set(peer, group));
    }
    const tables = new Map<PolicyTableId, PolicyTable>();
    for (const [id, own] of groups) {
      const table = { groups: own, peers: peers.get(id) ?? new Map<IdentityId, number>(), selective: isSelective(id) };
      const rows = own.reduce((sum, group) => sum + group.length, 0);
      tables.set(id, table);
      this.#written.set(id, { table, groups: new Set(own.keys()), rows, peers: new Set(table.peers.keys()) });
      this.#room.hold({ policy: rows, policy_peers: table.peers.size });
    }
    return { revisions: new Map(await this.#maps.revisions.entries()), tables };
  }

  /** Goes on with `table` for what is written under this number: equal to it, group by group. */
  adopt(id: PolicyTableId, table: PolicyTable): void {
    const written = this.#written.get(id);
    if (written !== undefined) this.#written.set(id, { ...written, table, groups: new Set(table.groups.keys()) });
  }

  async #add(
    id: PolicyTableId,
    written: Written,
    groups: Iterable<number>,
    peers: ReadonlyMap<IdentityId, number>,
  ): Promise<void> {
    const selective = peers.size > 0 || written.table.selective;
    if (!suits(id, { ...written.table, selective }))
      throw new RangeError(`what policy table ${id} has is not in its number`);
    const fresh = [...groups].filter((group) => !written.groups.has(group));
    const rows = fresh.reduce((sum, group) => sum + (written.table.groups[group]?.length ?? 0), 0);
    const joined = Array.from(peers.keys()).filter((peer) => !written.peers.has(peer));
    const small = written.rows + rows <= SMALL_TABLE && written.peers.size + joined.length <= SMALL_TABLE;
    this.#room.take({ policy: rows, policy_peers: joined.length }, () => small);
    // Counted before the first write, so that nobody else counts on the same room meanwhile.
    for (const group of fresh) written.groups.add(group);
    for (const peer of joined) written.peers.add(peer);
    written.rows += rows;
    try {
      for (const group of fresh) {
        await this.#maps.rows.setMany((written.table.groups[group] ?? []).map((row) => policyEntry(id, group, row)));
      }
      await this.#maps.peers.setMany(peers.entries().map(([peer, group]) => [peerKey(id, peer), group] as const));
    } catch (error) {
      await this.#forget(id, written, fresh, joined, rows);
      throw error;
    }
  }

  /** Takes back what the kernel refused although there should have been room. */
  async #forget(
    id: PolicyTableId,
    written: Written,
    groups: readonly number[],
    peers: readonly IdentityId[],
    rows: number,
  ): Promise<void> {
    await this.#maps.peers.deleteMany(peers.map((peer) => peerKey(id, peer)));
    for (const group of groups) {
      await this.#maps.rows.deleteMany((written.table.groups[group] ?? []).map((row) => policyKey(id, group, row)));
      written.groups.delete(group);
    }
    for (const peer of peers) written.peers.delete(peer);
    written.rows -= rows;
    this.#room.cancel({ policy: rows, policy_peers: peers.length });
  }
}

function outranks(a: PolicyTableValue, b: PolicyTableValue): boolean {
  return a.precedence > b.precedence || (a.precedence === b.precedence && a.verdict === 'deny');
}
