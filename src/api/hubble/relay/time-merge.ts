/** A source that is so far ahead waits: nobody's memory grows with what a reader does not read. */
const AHEAD = 4_096;

type Queued<T> = { readonly item: T; readonly arrived: number };

/** What one source has said and nobody has taken yet. */
type Source<T> = {
  readonly queue: Queued<T>[];
  hasEnded: boolean;
  /** Patience with it was over: nobody waits for it until it speaks. */
  isLate: boolean;
  wake: () => void;
};

export type TimeMergeOptions<T> = {
  readonly timeOf: (item: T) => number;
  /** ms that what arrived is kept back, so that earlier things can overtake it. */
  readonly holdMs: number;
  /** ms that one waits for a source that has said nothing yet; what that says later comes late. */
  readonly patienceMs: number;
  /** ms of any clock that is not set. */
  readonly now: () => number;
};

/** Several streams, each in the order of time, as one. Sources may come and go meanwhile; a slow one does not hold up the others. */
export class TimeMerge<T> {
  readonly #o: TimeMergeOptions<T>;
  readonly #sources = new Set<Source<T>>();
  #changed = Promise.withResolvers<void>();

  constructor(options: TimeMergeOptions<T>) {
    this.#o = options;
  }

  /** All that were added have ended, and all that they said was taken. */
  get isOver(): boolean {
    return this.#sources.size === 0;
  }

  /** Resolves when the stream has ended, rejects as it does; aborted, it is left at its next word. */
  async add(stream: AsyncIterable<T>, signal: AbortSignal): Promise<void> {
    const source: Source<T> = { queue: [], hasEnded: false, isLate: false, wake: () => undefined };
    this.#sources.add(source);
    const onAbort = () => source.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const item of stream) {
        if (signal.aborted) return;
        source.queue.push({ item, arrived: this.#o.now() });
        source.isLate = false;
        this.wake();
        while (source.queue.length >= AHEAD && !signal.aborted) await roomIn(source);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      source.hasEnded = true;
      this.#forget();
      this.wake();
    }
  }

  /** What is due now, in order. Empty when nothing is: `changed` tells when to ask again. */
  take(): T[] {
    const due: T[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) due.push(next.item);
    return due;
  }

  /** Resolves when a source said something or ended, what is held may be due, or the signal is aborted. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const wake = this.#changed;
    const isHeld = [...this.#sources].some(({ queue }) => queue.length > 0);
    const timer = isHeld ? setTimeout(wake.resolve, Math.max(5, this.#o.holdMs / 4)) : undefined;
    const onAbort = () => wake.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    await wake.promise;
    this.#changed = Promise.withResolvers();
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }

  /** Whoever waits for a change looks again. */
  wake(): void {
    this.#changed.resolve();
  }

  #forget(): void {
    for (const source of this.#sources) if (source.hasEnded && source.queue.length === 0) this.#sources.delete(source);
  }

  #next(): Queued<T> | undefined {
    const now = this.#o.now();
    let first: { readonly source: Source<T>; readonly head: Queued<T>; readonly time: number } | undefined;
    const silent: Source<T>[] = [];
    for (const source of this.#sources) {
      const [head] = source.queue;
      if (head === undefined) {
        if (!source.isLate) silent.push(source);
        continue;
      }
      const time = this.#o.timeOf(head.item);
      if (first === undefined || time < first.time) first = { source, head, time };
    }
    if (first === undefined) return undefined;
    const waited = now - first.head.arrived;
    if (waited < this.#o.holdMs) return undefined;
    if (silent.length > 0 && waited < this.#o.patienceMs) return undefined;
    for (const source of silent) source.isLate = true;
    first.source.queue.shift();
    first.source.wake();
    this.#forget();
    return first.head;
  }
}

async function roomIn<T>(source: Source<T>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  source.wake = resolve;
  await promise;
}
