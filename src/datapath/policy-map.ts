import { isMembraneError } from '../base/index.ts';
import type { PolicyRevision, PolicyTable, PolicyTableKey, PolicyTableRow } from '../model/index.ts';
import { datapathErrors } from './errors.ts';
import { type PolicyKey, type PolicyValue, policyKeyCodec, policyValueCodec } from './gen/codecs.ts';
import { POLICY_PREFIX_PEER, POLICY_PREFIX_PROTOCOL } from './gen/layout.ts';
import { KernelMap, type MapCodecs, type TypedMap } from './map.ts';
import type { MapSet } from './map-set.ts';

export type PolicyMap = TypedMap<PolicyKey, PolicyValue>;

export const policyCodecs: MapCodecs<PolicyKey, PolicyValue> = { key: policyKeyCodec, value: policyValueCodec };

export function policyMap(maps: MapSet): PolicyMap {
  return new KernelMap(maps.get('policy'), maps.spec('policy'), policyCodecs);
}

export function policyKey(revision: PolicyRevision, row: PolicyTableKey): PolicyKey {
  const prefixlen = row.protocol === 0 ? POLICY_PREFIX_PEER : POLICY_PREFIX_PROTOCOL + row.portBits;
  return {
    prefixlen,
    revision,
    peer: row.peer,
    direction: row.direction,
    protocol: row.protocol,
    port: row.port,
  };
}

function policyRow(key: PolicyKey, value: PolicyValue): PolicyTableRow {
  return {
    direction: key.direction,
    peer: key.peer,
    protocol: key.protocol,
    port: key.port,
    portBits: Math.max(0, key.prefixlen - POLICY_PREFIX_PROTOCOL),
    verdict: value.verdict,
    precedence: value.precedence,
    rule: value.rule,
  };
}

function policyEntry(revision: PolicyRevision, row: PolicyTableRow): [PolicyKey, PolicyValue] {
  return [policyKey(revision, row), { precedence: row.precedence, rule: row.rule, proxyPort: 0, verdict: row.verdict }];
}

type Known = { readonly table: PolicyTable; readonly added: PolicyTableRow[] };

/**
 * The policy tables of the node in their one map, told apart by revision. A revision that no endpoint word names is
 * inert: write a complete table under a fresh revision, switch the words, delete the old one.
 */
export class PolicyTables {
  readonly #map: PolicyMap;
  /** What was written, because a trie cannot be asked for the keys of one revision. */
  readonly #known = new Map<PolicyRevision, Known>();

  constructor(map: PolicyMap) {
    this.#map = map;
  }

  /** Rows of all revisions, as far as this object wrote or adopted them. */
  get size(): number {
    return this.#known.values().reduce((sum, known) => sum + known.table.length + known.added.length, 0);
  }

  /** All or nothing: when the map is full, what was written is removed again. Throws E_DATAPATH_MAP_FULL. */
  async write(revision: PolicyRevision, table: PolicyTable): Promise<void> {
    const before = this.size;
    this.#known.set(revision, { table, added: [] });
    try {
      await this.#map.setMany(table.map((row) => policyEntry(revision, row)));
    } catch (error) {
      await this.delete(revision);
      throw this.#refused(error, table.length, before);
    }
  }

  /**
   * Adds rows to a revision that may be in force, the most specific first, so that no packet is judged by a wide row
   * while the exception to it is still missing. When the map is full none of them stays. Throws E_DATAPATH_MAP_FULL.
   */
  async add(revision: PolicyRevision, rows: readonly PolicyTableRow[]): Promise<void> {
    const before = this.size;
    const entries = rows.map((row) => policyEntry(revision, row)).toSorted(([a], [b]) => b.prefixlen - a.prefixlen);
    try {
      await this.#map.setMany(entries);
    } catch (error) {
      await this.#map.deleteMany(entries.map(([key]) => key));
      throw this.#refused(error, rows.length, before);
    }
    const known = this.#known.get(revision);
    if (known === undefined) this.#known.set(revision, { table: [], added: [...rows] });
    else known.added.push(...rows);
  }

  /** Widest first, for the same reason. Rows that are not there are no error. */
  async remove(revision: PolicyRevision, rows: readonly PolicyTableKey[]): Promise<void> {
    const keys = rows.map((row) => policyKey(revision, row)).toSorted((a, b) => a.prefixlen - b.prefixlen);
    await this.#map.deleteMany(keys);
  }

  /** Removes every row of a revision that no endpoint word names any more. */
  async delete(revision: PolicyRevision): Promise<void> {
    const known = this.#known.get(revision);
    const parts = known === undefined ? [(await this.revisions()).get(revision) ?? []] : [known.table, known.added];
    for (const part of parts) await this.#map.deleteMany(part.values().map((row) => policyKey(revision, row)));
    this.#known.delete(revision);
  }

  /** Everything in the kernel, by revision; known from then on. For taking over after a restart. */
  async revisions(): Promise<Map<PolicyRevision, PolicyTable>> {
    const tables = new Map<PolicyRevision, PolicyTableRow[]>();
    for (const [key, value] of await this.#map.entries()) {
      const rows = tables.get(key.revision);
      if (rows === undefined) tables.set(key.revision, [policyRow(key, value)]);
      else rows.push(policyRow(key, value));
    }
    for (const [revision, table] of tables) this.#known.set(revision, { table, added: [] });
    return tables;
  }

  #refused(error: unknown, rows: number, used: number): unknown {
    if (!isMembraneError(error, 'E_DATAPATH_MAP_FULL')) return error;
    const detail = `the policy map has ${this.#map.spec.maxEntries} rows, ${used} are in use, ${rows} more are needed`;
    return datapathErrors.make('E_DATAPATH_MAP_FULL', { detail, cause: error });
  }
}
