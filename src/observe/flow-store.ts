import type { Flow, FlowMessage } from '../model/index.ts';

/** The latest flows, in order, with notes where the kernel lost some. Old ones are overwritten and counted. */
export class FlowStore {
  readonly #capacity: number;
  readonly #ring: FlowMessage[] = [];
  /** Position of the oldest entry once the ring is full. */
  #head = 0;
  #overwritten = 0;

  constructor(options: { capacity: number }) {
    this.#capacity = options.capacity;
  }

  get size(): number {
    return this.#ring.length;
  }

  /** Flows that are no longer kept. */
  get overwritten(): number {
    return this.#overwritten;
  }

  push(message: FlowMessage): void {
    if (this.#ring.length < this.#capacity) {
      this.#ring.push(message);
      return;
    }
    const gone = this.#ring[this.#head];
    if (gone?.kind === 'flow') this.#overwritten += 1;
    this.#ring[this.#head] = message;
    this.#head = (this.#head + 1) % this.#capacity;
  }

  /**
   * The newest `count` flows that match, oldest first, with the notes of loss between them. Fewer than asked for, though
   * older ones were overwritten: begins with a note of how many.
   */
  latest(count: number, matches: (flow: Flow) => boolean): FlowMessage[] {
    const found: FlowMessage[] = [];
    let flows = 0;
    for (let age = 1; age <= this.#ring.length && flows < count; age += 1) {
      const message = this.#ring.at((this.#head - age) % this.#ring.length);
      if (message === undefined) break;
      if (message.kind === 'flow') {
        if (!matches(message.flow)) continue;
        flows += 1;
      }
      found.push(message);
    }
    if (flows < count && this.#overwritten > 0) found.push({ kind: 'lost', place: 'store', count: this.#overwritten });
    return found.reverse();
  }
}
