import type { Flow } from '../model/index.ts';
import type { Edge, Moment, Place, PlaceKey } from './messages.ts';
import { placeName } from './place.ts';
import { WindowCounts } from './window-counts.ts';

/** Of more the rest is one place: whoever makes names up must not cost memory. */
const MOST_PLACES = 20_000;
const ID_BITS = 2 ** 20;
/** So long a timeline is drawn. */
const MOMENTS_S = 900;

/** `edges` that changed; with `whole` all that there are. `rest`: of pairs that are too many to be told. */
type Taken = {
  readonly places: readonly Place[];
  readonly edges: readonly Edge[];
  readonly whole: boolean;
  readonly moments: readonly Moment[];
  readonly rest: readonly [forwarded: number, dropped: number];
};

/** Who talked to whom within the last seconds. Costs what comes, and what leaves the window; what is said is what changed. */
export class FlowTotals {
  readonly #windowS: number;
  readonly #now: () => number;
  readonly #places = new Map<PlaceKey, Place>();
  readonly #freeIds: number[] = [];
  readonly #edges: WindowCounts;
  readonly #moments = new Map<number, { forwarded: number; dropped: number }>();
  readonly #changedMoments = new Set<number>();
  #newPlaces: Place[] = [];
  #isWhole = true;

  /** `now`: ms, where the window ends. What a node whose clock is fast tells of later is told of then, or it would push out all others'. */
  constructor(windowS: number, now: () => number) {
    this.#windowS = windowS;
    this.#now = now;
    this.#edges = new WindowCounts(windowS);
  }

  push({ time, verdict }: Flow, from: PlaceKey, to: PlaceKey): void {
    const now = Math.floor(this.#now() / 1_000);
    const second = Math.min(now, Math.floor(time / 1_000));
    if (second > now - MOMENTS_S) this.#count(second, verdict);
    if (second <= now - this.#windowS) return;
    this.#edges.add(this.#place(from).id * ID_BITS + this.#place(to).id, verdict, second);
  }

  /** What is new since the last call; all of it at the first. What is older than the window is taken out. */
  take(): Taken {
    const now = Math.floor(this.#now() / 1_000);
    const edges = this.#edges
      .take(now)
      .map(([key, { forwarded, dropped }]): Edge => [Math.floor(key / ID_BITS), key % ID_BITS, forwarded, dropped]);
    for (const second of this.#moments.keys()) if (second <= now - MOMENTS_S) this.#moments.delete(second);
    const moments = Array.from(this.#changedMoments, (second): Moment => {
      const { forwarded = 0, dropped = 0 } = this.#moments.get(second) ?? {};
      return [second, forwarded, dropped];
    });
    const { forwarded, dropped } = this.#edges.rest;
    const taken: Taken = { places: this.#newPlaces, edges, whole: this.#isWhole, moments, rest: [forwarded, dropped] };
    this.#newPlaces = [];
    this.#changedMoments.clear();
    this.#isWhole = false;
    if (this.#places.size >= MOST_PLACES / 2) this.#forgetQuiet();
    return taken;
  }

  /** Jobs come and go, each by another name: numbers of who does not talk any more are given to others. */
  #forgetQuiet(): void {
    const talking = new Set<number>();
    for (const key of this.#edges.keys) talking.add(Math.floor(key / ID_BITS)).add(key % ID_BITS);
    for (const [key, { id }] of this.#places) {
      if (talking.has(id)) continue;
      this.#places.delete(key);
      this.#freeIds.push(id);
    }
  }

  #count(second: number, verdict: Flow['verdict']): void {
    this.#changedMoments.add(second);
    const known = this.#moments.get(second);
    if (known !== undefined) known[verdict] += 1;
    else this.#moments.set(second, { forwarded: 0, dropped: 0, [verdict]: 1 });
  }

  #place(key: PlaceKey): Place {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#places.size >= MOST_PLACES && key !== OTHERS) return this.#place(OTHERS);
    const place = { id: this.#freeIds.pop() ?? this.#places.size, key, ...placeName(key) };
    this.#places.set(key, place);
    this.#newPlaces.push(place);
    return place;
  }
}

const OTHERS = 'reserved:others';
