import type { Key, Operations } from '../table/index.ts';
import type { TypedMap } from './map.ts';

export type MapRow<Id extends Key, Row, K, V> = {
  /** The table's key of a map key. */
  readonly id: (key: K) => Id;
  readonly key: (row: Row) => K;
  readonly value: (row: Row) => V;
};

/** Reconciles a table of desired rows into a map, one entry a row. Pruning reads the whole map. */
export function mapOperations<Id extends Key, Row, K, V>(
  map: TypedMap<K, V>,
  how: MapRow<Id, Row, K, V>,
): Operations<Id, Row> {
  return {
    update: (row) => map.set(how.key(row), how.value(row)),
    delete: (_, row) => void map.delete(how.key(row)),
    prune: async (rows) => {
      const wanted = new Set(rows.map((row) => how.id(how.key(row))));
      const entries = await map.entries();
      await map.deleteMany(entries.map(([key]) => key).filter((key) => !wanted.has(how.id(key))));
    },
  };
}
