import type { Table } from '../../src/table/index.ts';

type Known<Row> = { readonly source: unknown; readonly row: Row };

/** Brings a table from one world to the next: what is the same object of the world as before is no other row. */
export class TableFeed<Row, K extends string> {
  readonly #table: Table<Row, K>;
  #known: ReadonlyMap<string, Known<Row>> = new Map();

  constructor(table: Table<Row, K>) {
    this.#table = table;
  }

  /** True: what was in it is not, or not as it was. */
  bring<Source>(
    objects: Iterable<readonly [name: string, source: Source]>,
    rowOf: (source: Source, name: string) => Row,
  ): boolean {
    const before = this.#known;
    const now = new Map<string, Known<Row>>();
    const upserts: Row[] = [];
    let isOther = false;
    for (const [name, source] of objects) {
      const known = before.get(name);
      const isSame = known?.source === source;
      const next = known !== undefined && isSame ? known : { source, row: rowOf(source, name) };
      if (!isSame) upserts.push(next.row);
      isOther ||= known !== undefined && !isSame;
      now.set(name, next);
    }
    const deletes = Array.from(before).flatMap(([name, { row }]) => (now.has(name) ? [] : [row]));
    this.#known = now;
    this.#table.apply({ upserts, deletes, synced: true });
    return isOther || deletes.length > 0;
  }
}
