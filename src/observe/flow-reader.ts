import type { Flow, FlowMessage } from '../model/index.ts';

/**
 * The queue of one reader. The writer never waits: when the queue is full, flows are counted instead of kept, and the
 * reader is told how many at the place where they are missing.
 */
export class FlowReader {
  readonly #matches: (flow: Flow) => boolean;
  readonly #capacity: number;
  #queue: FlowMessage[] = [];
  /** Lost since the last message that was queued. */
  #missing = 0;
  #lost = 0;
  #wake: (() => void) | undefined;

  constructor(options: { matches: (flow: Flow) => boolean; capacity: number }) {
    this.#matches = options.matches;
    this.#capacity = options.capacity;
  }

  /** Flows that this reader did not get because it was slow. */
  get lost(): number {
    return this.#lost;
  }

  offer(message: FlowMessage): void {
    if (message.kind === 'flow' && !this.#matches(message.flow)) return;
    // Notes of loss elsewhere are few (one a batch) and exact counts depend on them: one beyond the bound is merged.
    if (this.#queue.length >= this.#capacity) {
      if (message.kind === 'flow') {
        this.#missing += 1;
        this.#lost += 1;
      } else {
        this.#merge(message);
      }
      return;
    }
    this.#noteMissing();
    this.#queue.push(message);
    this.#wake?.();
  }

  /** What is queued, at least one message; empty when the signal is aborted. */
  async take(signal: AbortSignal): Promise<FlowMessage[]> {
    while (this.#queue.length === 0 && this.#missing === 0) {
      if (signal.aborted) return [];
      await this.#woken(signal);
    }
    if (signal.aborted) return [];
    const taken = this.#queue;
    this.#queue = [];
    if (this.#missing > 0) {
      taken.push({ kind: 'lost', place: 'reader', count: this.#missing });
      this.#missing = 0;
    }
    return taken;
  }

  async #woken(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const onAbort = () => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await promise;
    signal.removeEventListener('abort', onAbort);
    this.#wake = undefined;
  }

  #noteMissing(): void {
    if (this.#missing === 0) return;
    this.#queue.push({ kind: 'lost', place: 'reader', count: this.#missing });
    this.#missing = 0;
  }

  #merge(note: Extract<FlowMessage, { kind: 'lost' }>): void {
    const last = this.#queue.at(-1);
    if (last?.kind === 'lost' && last.place === note.place) {
      this.#queue[this.#queue.length - 1] = { ...last, count: last.count + note.count };
    } else {
      this.#queue.push(note);
    }
  }
}
