/** A source that is so far ahead waits: nobody's memory grows with what a reader does not read. */
const AHEAD = 4_096;
const AHEAD_BYTES = 8 * 1024 * 1024;

/** However much there is from before what is held: so many times as long as that it is held at the most. */
const MOST_HOLDS = 20;

/** `latest`: what is said of later is of then. */
type Group<T> = { readonly items: readonly T[]; readonly arrived: number; readonly latest: number };

/** What one source has said and nobody has taken yet. */
type Source<T> = {
  readonly groups: Group<T>[];
  /** Of the first group, what is next. */
  next: number;
  /** Of what is next, if there is something. */
  time: number;
  arrived: number;
  items: number;
  bytes: number;
  hasEnded: boolean;
  /** Patience with it was over: nobody waits for it until it speaks. */
  isLate: boolean;
  wake: () => void;
};

export type TimeMergeOptions<T> = {
  readonly timeOf: (item: T) => number;
  readonly bytesOf: (item: T) => number;
  /** ms that what arrived is kept back, so that earlier things can overtake it: they do as soon as it is due. */
  readonly holdMs: number;
  /** ms that one waits for a source that has said nothing yet; what that says later comes late. */
  readonly patienceMs: number;
  /** ms of any clock that is not set. */
  readonly now: () => number;
  /** By the clock that `timeOf` is of: who tells of later is told of as of when it came. */
  readonly wallNow: () => number;
};

/**
 * Several streams, each in the order of time, as one. Sources may come and go meanwhile; one that is slow, or whose clock is, does not
 * hold up the others.
 */
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
  async add(stream: AsyncIterable<readonly T[]>, signal: AbortSignal): Promise<void> {
    const source: Source<T> = {
      groups: [],
      next: 0,
      time: 0,
      arrived: 0,
      items: 0,
      bytes: 0,
      hasEnded: false,
      isLate: false,
      wake: () => undefined,
    };
    this.#sources.add(source);
    const onAbort = () => source.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const items of stream) {
        if (signal.aborted) return;
        this.#put(source, items);
        while (isAhead(source) && !signal.aborted) await roomIn(source);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      source.hasEnded = true;
      if (source.items === 0) this.#sources.delete(source);
      this.wake();
    }
  }

  /** What is due now, in order, at most so many. Empty when nothing is: `changed` tells when to ask again. */
  take(most: number): T[] {
    const due: T[] = [];
    const now = this.#o.now();
    while (due.length < most) {
      let first: Source<T> | undefined;
      let longest: Source<T> | undefined;
      let isWaitedFor = false;
      for (const source of this.#sources) {
        if (source.items === 0) isWaitedFor ||= !source.isLate;
        else {
          if (first === undefined || source.time < first.time) first = source;
          if (longest === undefined || source.arrived < longest.arrived) longest = source;
        }
      }
      if (first === undefined || longest === undefined) break;
      const { holdMs, patienceMs } = this.#o;
      const waited = now - longest.arrived;
      // Not how long the first has waited: who always has something new of before what all others say would keep them for ever.
      if (waited < holdMs || (isWaitedFor && waited < patienceMs)) break;
      if (isWaitedFor) for (const source of this.#sources) source.isLate ||= source.items === 0;
      const isKept = holdMs > 0 && waited >= MOST_HOLDS * holdMs;
      due.push(this.#shift(isKept ? longest : first));
    }
    return due;
  }

  /** Resolves when a source said something or ended, what is held may be due, or the signal is aborted. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const wake = this.#changed;
    const isHeld = [...this.#sources].some(({ items }) => items > 0);
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

  #put(source: Source<T>, items: readonly T[]): void {
    if (items.length === 0) return;
    const group = { items, arrived: this.#o.now(), latest: this.#o.wallNow() };
    source.groups.push(group);
    if (source.items === 0) this.#turnTo(source, group);
    source.items += items.length;
    for (const item of items) source.bytes += this.#o.bytesOf(item);
    source.isLate = false;
    this.wake();
  }

  /** Its next is of this group. */
  #turnTo(source: Source<T>, { items, arrived, latest }: Group<T>): void {
    source.time = Math.min(this.#o.timeOf(items[source.next] as T), latest);
    source.arrived = arrived;
  }

  /** Of a source that has something. */
  #shift(source: Source<T>): T {
    const { items } = source.groups[0] as Group<T>;
    const item = items[source.next] as T;
    source.next += 1;
    source.items -= 1;
    source.bytes -= this.#o.bytesOf(item);
    if (source.next === items.length) {
      source.groups.shift();
      source.next = 0;
    }
    const [group] = source.groups;
    if (group !== undefined) this.#turnTo(source, group);
    if (!isAhead(source)) source.wake();
    if (source.hasEnded && source.items === 0) this.#sources.delete(source);
    return item;
  }
}

const isAhead = ({ items, bytes }: Source<unknown>): boolean => items >= AHEAD || bytes >= AHEAD_BYTES;

async function roomIn(source: Source<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  source.wake = resolve;
  await promise;
}
