/** A power of two. Rules' numbers are hashes: a table twice as large as what is used in a second has few that meet. */
const PLACES = 8_192;
const MASK = PLACES - 1;
/** Places that are looked at for a number before it is kept apart. */
const PROBES = 8;

/** How often numbers of 32 bits came, at the price of an addition. 0 is no number. */
export class RuleCounts {
  readonly #keys = new Uint32Array(PLACES);
  readonly #counts = new Uint32Array(PLACES);
  readonly #used: number[] = [];
  readonly #apart = new Map<number, number>();

  add(id: number): void {
    for (let probe = 0; probe < PROBES; probe += 1) {
      const place = (id + probe) & MASK;
      const key = this.#keys[place];
      if (key === id) {
        this.#counts[place] = (this.#counts[place] ?? 0) + 1;
        return;
      }
      if (key !== 0) continue;
      this.#keys[place] = id;
      this.#counts[place] = 1;
      this.#used.push(place);
      return;
    }
    this.#apart.set(id, (this.#apart.get(id) ?? 0) + 1);
  }

  /** All that came since it was taken the last time. */
  take(): [id: number, count: number][] {
    const taken = this.#used.map((place): [number, number] => [this.#keys[place] ?? 0, this.#counts[place] ?? 0]);
    for (const place of this.#used) this.#keys[place] = 0;
    this.#used.length = 0;
    taken.push(...this.#apart);
    this.#apart.clear();
    return taken;
  }
}
