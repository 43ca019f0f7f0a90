import { type Direction, type PolicyRevision, type PolicyTable } from '../../model/index.ts';
import { type PolicyTableRow, tableOf } from '../../model/testkit.ts';
import type { PolicyMaps } from './policy-maps.ts';
import type { TablePair } from './policy-revisions.ts';
import { policyTableNumber } from './policy-table-number.ts';
import { PolicyTables } from './policy-tables.ts';

/** Policy for tests of the datapath: each revision has two tables of its own. */
export class TestPolicy {
  readonly #maps: PolicyMaps;
  readonly #tables: PolicyTables;
  readonly #pairs = new Map<PolicyRevision, TablePair>();

  constructor(maps: PolicyMaps) {
    this.#maps = maps;
    this.#tables = new PolicyTables(maps);
  }

  async write(
    revision: PolicyRevision,
    tables: readonly PolicyTableRow[] | Readonly<Record<Direction, PolicyTable>>,
  ): Promise<void> {
    const { ingress, egress } =
      'ingress' in tables ? tables : { ingress: tableOf(tables, 'ingress'), egress: tableOf(tables, 'egress') };
    const pair = [policyTableNumber(2 * revision, ingress), policyTableNumber(2 * revision + 1, egress)] as const;
    this.#pairs.set(revision, pair);
    await this.#tables.write(pair[0], ingress);
    await this.#tables.write(pair[1], egress);
    this.#tables.setRevision(revision, pair);
  }

  async delete(revision: PolicyRevision): Promise<void> {
    this.#tables.deleteRevision(revision);
    for (const id of this.#pairs.get(revision) ?? []) await this.#tables.delete(id);
    this.#pairs.delete(revision);
  }

  /** Numbers of all that are written. */
  async revisions(): Promise<PolicyRevision[]> {
    return (await this.#maps.revisions.entries()).map(([revision]) => revision);
  }
}
