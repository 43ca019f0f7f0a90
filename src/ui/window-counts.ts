import type { FlowVerdict } from '../model/index.ts';

/** Pairs of one window that are told apart: more is nobody's picture. */
const MOST_KEYS = 20_000;
/** Of these for who drops something: whoever lets much pass does not hide it. */
const ROOM_FOR_DROPS = 5_000;
/** What leaves the window does so in as many steps. */
const PARTS = 60;
const FIRST_SLOTS = 256;

export type Tally = { readonly forwarded: number; readonly dropped: number };

/**
 * How much came of each key within the last so many seconds. Costs what comes and what leaves: of each key two numbers in each
 * part of the window, so that however much comes it is 10 MB at the most. What comes of keys beyond `MOST_KEYS` is the rest.
 */
export class WindowCounts {
  readonly #windowS: number;
  readonly #partS: number;
  /** Where its numbers are. Slot 0 is the rest's. */
  readonly #slots = new Map<number, number>();
  readonly #keys: number[] = [Number.NaN];
  readonly #free: number[] = [];
  #sums = new Uint32Array(2 * FIRST_SLOTS);
  readonly #parts = new Map<number, Uint32Array<ArrayBuffer>>();
  readonly #changed = new Set<number>();

  constructor(windowS: number) {
    this.#windowS = windowS;
    this.#partS = Math.ceil(windowS / PARTS);
  }

  /** Of which there is something within the window. */
  get keys(): Iterable<number> {
    return this.#slots.keys();
  }

  get rest(): Tally {
    return this.#sumOf(0);
  }

  /** `second` lies within the window. */
  add(key: number, verdict: FlowVerdict, second: number): void {
    const slot = this.#slotOf(key, verdict);
    const place = 2 * slot + Number(verdict === 'dropped');
    const number = Math.floor(second / this.#partS);
    let part = this.#parts.get(number) ?? NO_NUMBERS;
    if (place >= part.length) this.#parts.set(number, (part = grown(part, this.#sums.length)));
    part[place] = (part[place] ?? 0) + 1;
    this.#sums[place] = (this.#sums[place] ?? 0) + 1;
    if (slot > 0) this.#changed.add(key);
  }

  /** Takes out what is older than the window, and tells what of each is another than at the last call. */
  take(nowS: number): [key: number, tally: Tally][] {
    for (const [number, part] of this.#parts) {
      if ((number + 1) * this.#partS > nowS - this.#windowS + 1) continue;
      this.#parts.delete(number);
      this.#leave(part);
    }
    const changed = Array.from(this.#changed, (key): [number, Tally] => {
      const slot = this.#slots.get(key);
      return [key, slot === undefined ? NOTHING : this.#sumOf(slot)];
    });
    this.#changed.clear();
    return changed;
  }

  #leave(part: Uint32Array): void {
    for (let place = 0; place < part.length; place += 2) {
      const [forwarded = 0, dropped = 0] = [part[place], part[place + 1]];
      if (forwarded + dropped === 0) continue;
      this.#sums[place] = (this.#sums[place] ?? 0) - forwarded;
      this.#sums[place + 1] = (this.#sums[place + 1] ?? 0) - dropped;
      const slot = place / 2;
      const key = this.#keys[slot];
      if (slot === 0 || key === undefined) continue;
      this.#changed.add(key);
      const left = this.#sumOf(slot);
      if (left.forwarded + left.dropped > 0) continue;
      this.#slots.delete(key);
      this.#free.push(slot);
    }
  }

  #slotOf(key: number, verdict: FlowVerdict): number {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    if (this.#slots.size >= MOST_KEYS - (verdict === 'dropped' ? 0 : ROOM_FOR_DROPS)) return 0;
    const slot = this.#free.pop() ?? this.#keys.length;
    this.#slots.set(key, slot);
    this.#keys[slot] = key;
    if (2 * slot >= this.#sums.length) this.#sums = grown(this.#sums, 2 * this.#sums.length);
    return slot;
  }

  #sumOf(slot: number): Tally {
    return { forwarded: this.#sums[2 * slot] ?? 0, dropped: this.#sums[2 * slot + 1] ?? 0 };
  }
}

const NOTHING: Tally = { forwarded: 0, dropped: 0 };
const NO_NUMBERS = new Uint32Array(0);

function grown(old: Uint32Array<ArrayBuffer>, length: number): Uint32Array<ArrayBuffer> {
  const next = new Uint32Array(length);
  next.set(old);
  return next;
}
