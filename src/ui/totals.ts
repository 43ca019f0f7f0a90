import type { Flow } from '../model/index.ts';
import type { Edge, Moment, Place, PlaceKey } from './messages.ts';
import { placeName } from './place.ts';

/** Of more the rest is one place: whoever makes names up must not cost memory. */
const MOST_PLACES = 20_000;
const ID_BITS = 2 ** 20;
/** So long a timeline is drawn. */
const MOMENTS_S = 900;

type Tally = { forwarded: number; dropped: number };

/** Who talked to whom within the last seconds. Costs what comes, and what leaves the window; what is said is what changed. */
export class FlowTotals {
  readonly #windowS: number;
  readonly #places = new Map<PlaceKey, Place>();
  readonly #seconds = new Map<number, Map<number, Tally>>();
  readonly #edges = new Map<number, Tally>();
  readonly #changed = new Set<number>();
  readonly #moments = new Map<number, Tally>();
  readonly #changedMoments = new Set<number>();
  #newPlaces: Place[] = [];
  #latest = 0;
  #isWhole = true;

  constructor(windowS: number) {
    this.#windowS = windowS;
  }

  push({ time, verdict }: Flow, from: PlaceKey, to: PlaceKey): void {
    const second = Math.floor(time / 1_000);
    if (second > this.#latest) this.#latest = second;
    count(this.#moments, second, verdict);
    this.#changedMoments.add(second);
    if (second <= this.#latest - this.#windowS) return;
    const edge = this.#place(from).id * ID_BITS + this.#place(to).id;
    let tallies = this.#seconds.get(second);
    if (tallies === undefined) this.#seconds.set(second, (tallies = new Map()));
    count(tallies, edge, verdict);
    count(this.#edges, edge, verdict);
    this.#changed.add(edge);
  }

  /** What is new since the last call; all of it at the first. `now`: ms; what is older than the window is taken out. */
  take(now: number): { places: readonly Place[]; edges: readonly Edge[]; whole: boolean; moments: readonly Moment[] } {
    this.#expire(Math.floor(now / 1_000));
    const edges = Array.from(this.#changed, (edge): Edge => {
      const { forwarded = 0, dropped = 0 } = this.#edges.get(edge) ?? {};
      return [Math.floor(edge / ID_BITS), edge % ID_BITS, forwarded, dropped];
    });
    const moments = Array.from(this.#changedMoments, (second): Moment => {
      const { forwarded = 0, dropped = 0 } = this.#moments.get(second) ?? {};
      return [second, forwarded, dropped];
    });
    const taken = { places: this.#newPlaces, edges, whole: this.#isWhole, moments };
    this.#newPlaces = [];
    this.#changed.clear();
    this.#changedMoments.clear();
    this.#isWhole = false;
    return taken;
  }

  #expire(now: number): void {
    for (const [second, tallies] of this.#seconds) {
      if (second > now - this.#windowS) continue;
      this.#seconds.delete(second);
      for (const [edge, { forwarded, dropped }] of tallies) {
        const total = this.#edges.get(edge);
        if (total === undefined) continue;
        total.forwarded -= forwarded;
        total.dropped -= dropped;
        if (total.forwarded + total.dropped === 0) this.#edges.delete(edge);
        this.#changed.add(edge);
      }
    }
    for (const second of this.#moments.keys()) if (second <= now - MOMENTS_S) this.#moments.delete(second);
  }

  #place(key: PlaceKey): Place {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#places.size >= MOST_PLACES && key !== OTHERS) return this.#place(OTHERS);
    const place = { id: this.#places.size, key, ...placeName(key) };
    this.#places.set(key, place);
    this.#newPlaces.push(place);
    return place;
  }
}

const OTHERS = 'reserved:others';

function count<K>(tallies: Map<K, Tally>, key: K, verdict: Flow['verdict']): void {
  const known = tallies.get(key);
  if (known !== undefined) known[verdict] += 1;
  else tallies.set(key, { forwarded: 0, dropped: 0, [verdict]: 1 });
}
