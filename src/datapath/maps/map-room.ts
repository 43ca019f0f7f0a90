import { datapathErrors } from '../errors.ts';

export type MapRows<M extends string> = Readonly<Record<M, number>>;

export type MapRoomOptions<M extends string> = {
  /** How many rows each map can have. */
  readonly sizes: MapRows<M>;
  /** The part of each that is kept for what is small, so that nobody's large ones keep others waiting. */
  readonly kept: number;
};

/**
 * How much several maps have room for. Rows are taken before the first of them is written, so that what does not fit is
 * refused whole, and nobody counts on the same room meanwhile; they are given back when they were deleted.
 */
export class MapRoom<M extends string> {
  readonly #o: MapRoomOptions<M>;
  readonly #maps: readonly M[];
  readonly #used: Record<M, number>;
  #freed = 0;

  constructor(options: MapRoomOptions<M>) {
    this.#o = options;
    this.#maps = Object.keys(options.sizes) as M[];
    this.#used = Object.fromEntries(this.#maps.map((map) => [map, 0])) as Record<M, number>;
  }

  used(map: M): number {
    return this.#used[map];
  }

  /** Grows with every row that is deleted: what did not fit may fit when this has changed. */
  get freed(): number {
    return this.#freed;
  }

  /** These rows are in the maps already. */
  hold(rows: MapRows<M>): void {
    for (const map of this.#maps) this.#used[map] += rows[map];
  }

  /** Takes all of them; throws E_DATAPATH_MAP_FULL, and then has taken nothing. `isSmall`: may have of what is kept. */
  take(rows: MapRows<M>, isSmall: (map: M) => boolean): void {
    for (const map of this.#maps) {
      const [size, used, more] = [this.#o.sizes[map], this.#used[map], rows[map]];
      const common = size - Math.floor(size * this.#o.kept);
      if (more <= 0 || used + more <= common) continue;
      const room = isSmall(map) ? size : common;
      if (used + more <= room) continue;
      const detail = `${map}: ${used} of ${room} entries are in use, ${more} more are needed`;
      throw datapathErrors.make('E_DATAPATH_MAP_FULL', { detail });
    }
    this.hold(rows);
  }

  /** They were deleted. */
  give(rows: MapRows<M>): void {
    this.cancel(rows);
    for (const map of this.#maps) this.#freed += rows[map];
  }

  /** They were not written after all: nobody has more room than before. */
  cancel(rows: MapRows<M>): void {
    for (const map of this.#maps) this.#used[map] -= rows[map];
  }
}
