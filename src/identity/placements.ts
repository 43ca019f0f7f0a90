import { Backoff, type Clock, type Lifecycle, type Service, Signal } from '../base/index.ts';
import type { IdentityId, Workload } from '../model/index.ts';
import { type IdentityStore, placeIdentity } from './placement.ts';
import type { IdentityRange } from './reserved.ts';

/** Requests under way at once: one tenant's churn must not take the API server's attention from everybody's. */
const MOST_AT_ONCE = 8;

export type Placed = {
  readonly key: string;
  readonly workload: Workload;
  readonly id: IdentityId;
  /** Which one it was of all that were begun. */
  readonly turn: number;
};

type Asked = {
  readonly key: string;
  readonly workload: Workload;
  readonly backoff: Backoff;
  failure?: unknown;
  /** Since the last failure. */
  isWanted: boolean;
};

export type PlacementsOptions = {
  readonly store: IdentityStore;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly range?: IdentityRange;
};

/**
 * Asks for numbers beside the passes, one request for each workload at a time, namespaces in turn. What fails is tried
 * again, for as long as somebody asks.
 */
export class Placements implements Service {
  /** There is an answer, or another reason why there is none. */
  readonly changed = new Signal();
  readonly #o: PlacementsOptions;
  readonly #asked = new Map<string, Asked>();
  readonly #queues = new Map<string, Asked[]>();
  #answers: Placed[] = [];
  #running = 0;
  #begun = 0;
  /** Of those begun, the ones whose answer is not there yet, or not taken. */
  readonly #open = new Set<number>();
  #untaken: number[] = [];
  #signal: AbortSignal | undefined;

  constructor(options: PlacementsOptions) {
    this.#o = options;
  }

  async start({ signal }: Pick<Lifecycle, 'signal'>): Promise<void> {
    this.#signal = signal;
    this.#work();
  }

  async stop(): Promise<void> {}

  /** How many were begun, ever. */
  get begun(): number {
    return this.#begun;
  }

  /** Whatever the first `count` saw of the numbers is known to who takes the answers. */
  areTaken(count: number): boolean {
    for (const turn of this.#open) if (turn <= count) return false;
    return true;
  }

  /** Once more for who asked before changes nothing. */
  ask(key: string, workload: Workload): void {
    const asked = this.#asked.get(key);
    if (asked === undefined) this.#enqueue({ key, workload, backoff: new Backoff(), isWanted: true });
    else asked.isWanted = true;
  }

  /** Why there is no answer yet; undefined: it is being asked for. */
  failure(key: string): unknown {
    return this.#asked.get(key)?.failure;
  }

  /** Those that are asked for, and what was answered and is not taken yet. */
  *pending(): Generator<Pick<Placed, 'key' | 'workload'>> {
    yield* this.#asked.values();
    yield* this.#answers;
  }

  /** Nobody needs it any more. */
  forget(key: string): void {
    this.#asked.delete(key);
  }

  /** Answers since the last time. */
  take(): readonly Placed[] {
    const answers = this.#answers;
    this.#answers = [];
    for (const turn of this.#untaken.splice(0)) this.#open.delete(turn);
    return answers;
  }

  #enqueue(asked: Asked): void {
    this.#asked.set(asked.key, asked);
    const { namespace } = asked.workload;
    const queue = this.#queues.get(namespace) ?? [];
    queue.push(asked);
    this.#queues.set(namespace, queue);
    this.#work();
  }

  #work(): void {
    while (this.#signal?.aborted === false && this.#running < MOST_AT_ONCE) {
      const next = this.#next();
      if (next === undefined) return;
      this.#running += 1;
      void this.#place(next, this.#signal);
    }
  }

  #next(): Asked | undefined {
    for (const [namespace, queue] of this.#queues) {
      const asked = queue.shift();
      // To the end: the next namespace comes first the next time.
      this.#queues.delete(namespace);
      if (queue.length > 0) this.#queues.set(namespace, queue);
      if (asked !== undefined && this.#asked.get(asked.key) === asked) return asked;
    }
    return undefined;
  }

  async #place(asked: Asked, signal: AbortSignal): Promise<void> {
    const { key, workload, backoff } = asked;
    this.#begun += 1;
    const turn = this.#begun;
    this.#open.add(turn);
    try {
      const id = await placeIdentity(workload, this.#o.store, this.#o.range);
      if (this.#asked.get(key) === asked) this.#asked.delete(key);
      this.#answers.push({ key, workload, id, turn });
    } catch (error) {
      asked.failure = error;
      asked.isWanted = false;
    } finally {
      this.#running -= 1;
      this.#untaken.push(turn);
    }
    this.changed.emit();
    this.#work();
    if (this.#asked.get(key) !== asked) return;
    await this.#o.clock.sleep(backoff.next(), signal).catch(() => undefined);
    if (signal.aborted || this.#asked.get(key) !== asked) return;
    if (asked.isWanted) this.#enqueue(asked);
    else this.#asked.delete(key);
  }
}
