import { type RecordLayout, recordTime } from './record.ts';
import { emptyMask, markEnds } from './who.ts';

/** So many records of one account, as the kernel wrote them. It is used again for others, which its generation tells. */
export class FlowBlock {
  readonly view: DataView;
  readonly mask: Uint32Array = emptyMask();
  readonly #layout: RecordLayout;
  readonly #words: Uint32Array;
  readonly #room: number;
  generation = 0;
  count = 0;
  /** ns of the boot clock: several CPUs write, so that not quite in order. */
  oldest = Number.POSITIVE_INFINITY;
  newest = Number.NEGATIVE_INFINITY;

  constructor(layout: RecordLayout, room: number) {
    this.#layout = layout;
    this.#room = room;
    this.#words = new Uint32Array((room * layout.size) / 4);
    this.view = new DataView(this.#words.buffer);
  }

  get isFull(): boolean {
    return this.count === this.#room;
  }

  /** `at`: word of `words` where the record begins. */
  push(words: Uint32Array, at: number): void {
    const { size } = this.#layout;
    const length = size / 4;
    const to = this.count * length;
    // A record is short: to copy it by a method that knows more costs several times this.
    for (let word = 0; word < length; word += 1) this.#words[to + word] = words[at + word] ?? 0;
    const time = recordTime(this.#layout, this.view, this.count * size);
    if (time < this.oldest) this.oldest = time;
    if (time > this.newest) this.newest = time;
    markEnds(this.mask, this.#layout, this.view, this.count * size);
    this.count += 1;
  }

  /** What refers to it finds it gone. */
  clear(): void {
    this.generation += 1;
    this.count = 0;
    this.oldest = Number.POSITIVE_INFINITY;
    this.newest = Number.NEGATIVE_INFINITY;
    this.mask.fill(0);
  }
}

/** A record in the store, while it is there. */
export type Kept = { readonly block: FlowBlock; readonly generation: number; readonly index: number };

export const isKept = ({ block, generation }: Kept): boolean => block.generation === generation;
