import { POLICY_PAIRS } from '../../model/gen/numbers.ts';
import { type PolicyRevision, type PolicyTableId, policyRevision, policyTableId } from '../../model/index.ts';
import { datapathErrors } from '../errors.ts';
import type { PolicyPair } from '../gen/codecs.ts';
import type { TypedMap } from './map.ts';

/** Tables of the two directions; see struct policy_pair. */
export type TablePair = readonly [ingress: PolicyTableId, egress: PolicyTableId];

const NOBODYS: PolicyPair = { revision: policyRevision(0), table: [policyTableId(0), policyTableId(0)] };

const placeOf = (revision: PolicyRevision): number => revision % POLICY_PAIRS;

/** Which tables a revision stands for: each has its place in an array, which is free or one revision's. */
export class PolicyRevisions {
  readonly #places: TypedMap<number, PolicyPair>;

  constructor(places: TypedMap<number, PolicyPair>) {
    this.#places = places;
  }

  get(revision: PolicyRevision): TablePair | undefined {
    const found = this.#places.get(placeOf(revision));
    return found?.revision === revision && revision !== 0 ? found.table : undefined;
  }

  /** Throws E_DATAPATH_MAP_FULL when another revision has the place. */
  set(revision: PolicyRevision, table: TablePair): void {
    const found = this.#places.get(placeOf(revision))?.revision ?? 0;
    if (found !== 0 && found !== revision) {
      const detail = `policy_revisions: the place of revision ${revision} is taken`;
      throw datapathErrors.make('E_DATAPATH_MAP_FULL', { detail });
    }
    this.#places.set(placeOf(revision), { revision, table });
  }

  /** False when it was not there. */
  delete(revision: PolicyRevision): boolean {
    if (this.get(revision) === undefined) return false;
    this.#places.set(placeOf(revision), NOBODYS);
    return true;
  }

  async entries(): Promise<[PolicyRevision, TablePair][]> {
    const taken = await this.#places.entries((_, { revision }) => revision !== 0);
    return taken.map(([, { revision, table }]) => [revision, table]);
  }
}
