import { randomInt } from 'node:crypto';
import type { FrontendPlace, Rows } from './frontends.ts';

const EMPTY = -1;
/** Whoever chooses addresses does not choose which lie in one place. */
const SEED = randomInt(2 ** 32);

/** Which row a frontend has, of a hundred thousand: a number each, and no text. */
export class PlaceIndex {
  readonly #rows: Rows<FrontendPlace, unknown>;
  /** Rows by hash, each in the first place from there that was free; at most half of it is taken. */
  readonly #table: Int32Array;

  private constructor(rows: Rows<FrontendPlace, unknown>) {
    this.#rows = rows;
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(rows.length * 2 + 1))).fill(EMPTY);
  }

  /** Yields often. Of rows with one place the first is found. */
  static *of(rows: Rows<FrontendPlace, unknown>): Generator<undefined, PlaceIndex> {
    const index = new PlaceIndex(rows);
    for (let row = 0; row < rows.length; row += 1) {
      yield undefined;
      const at = index.#at(rows.key(row));
      if (index.#table[at] === EMPTY) index.#table[at] = row;
    }
    return index;
  }

  get(place: FrontendPlace): number | undefined {
    const row = this.#table[this.#at(place)] ?? EMPTY;
    return row === EMPTY ? undefined : row;
  }

  /** Where in the table the place is, or would be. */
  #at(place: FrontendPlace): number {
    const mask = this.#table.length - 1;
    let at = hashOf(place) & mask;
    for (;;) {
      const row = this.#table[at] ?? EMPTY;
      if (row === EMPTY || isSame(this.#rows.key(row), place)) return at;
      at = (at + 1) & mask;
    }
  }
}

const isSame = (a: FrontendPlace, b: FrontendPlace): boolean =>
  a.addr === b.addr && a.port === b.port && a.protocol === b.protocol && a.scope === b.scope;

/** FNV-1a from another start, its bits mixed once more: neighbouring addresses must not lie side by side. */
function hashOf({ addr, port, protocol, scope }: FrontendPlace): number {
  let hash = SEED;
  const add = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x0100_0193);
  };
  for (let at = 0; at < addr.length; at += 1) add(addr.charCodeAt(at));
  add(port);
  add(protocol);
  add(scope.length);
  return (hash ^ (hash >>> 15)) >>> 0;
}
