import {
  type Direction,
  type PolicyRevision,
  type PolicyTable,
  type PolicyTableRow,
  policyTableId,
  tableOf,
} from '../model/index.ts';
import type { PolicyMaps } from './policy-maps.ts';
import { PolicyTables } from './policy-tables.ts';

/** Policy for tests of the datapath: each revision has two tables of its own. */
export class TestPolicy {
  readonly #maps: PolicyMaps;
  readonly #tables: PolicyTables;

  constructor(maps: PolicyMaps) {
    this.#maps = maps;
    this.#tables = new PolicyTables(maps);
  }

  async write(
    revision: PolicyRevision,
    tables: readonly PolicyTableRow[] | Readonly<Record<Direction, PolicyTable>>,
  ): Promise<void> {
    const pair = pairOf(revision);
    const { ingress, egress } =
      'ingress' in tables ? tables : { ingress: tableOf(tables, 'ingress'), egress: tableOf(tables, 'egress') };
    await this.#tables.write(pair[0], ingress);
    await this.#tables.write(pair[1], egress);
    this.#tables.setRevision(revision, pair);
  }

  async delete(revision: PolicyRevision): Promise<void> {
    this.#tables.deleteRevision(revision);
    for (const id of pairOf(revision)) await this.#tables.delete(id);
  }

  /** Numbers of all that are written. */
  async revisions(): Promise<PolicyRevision[]> {
    return (await this.#maps.revisions.entries()).map(([revision]) => revision as PolicyRevision);
  }
}

const pairOf = (revision: PolicyRevision) => [policyTableId(2 * revision), policyTableId(2 * revision + 1)] as const;
