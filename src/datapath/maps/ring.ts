import { systemClock } from '../../base/index.ts';
import { decodeEvent, EVENT_SIZE, type Event } from '../gen/codecs.ts';
import type { MapFd } from '../kernel/index.ts';
import { Mapping, onReadable, pageSize } from '../kernel/index.ts';

const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const HEADER = 8;
/** Of one batch, so that a large ring does not hold the event loop: about 20 ms. */
const MAX_BATCH = 65_536;

/**
 * `pauseMs`: what comes within is read together, and only its first record wakes. `quietMs`: the longest wait. `soonMs`: the
 * first one after something came, until which programs may count what they do not write: the window of a rate, 2^30 ns.
 */
const PACE = { pauseMs: 50, soonMs: 1_100, quietMs: 10_000 };

/**
 * Reads the event ring through shared memory: no system call, no callback from C. The kernel wakes for the first record
 * after all was read (BPF_RB_NO_WAKEUP is not set), so nothing runs while nothing comes and little while much does.
 */
export class EventRing implements Disposable {
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  readonly #consumerPosition: BigUint64Array;
  readonly #producerPosition: BigUint64Array;
  readonly #words: Uint32Array;
  readonly #records: DataView;
  readonly #mask: number;
  readonly #map: MapFd;
  #undecodable = 0;

  /** `size` in bytes, as the map was created. `map` stays the caller's, who closes it after this. */
  constructor(map: MapFd, size: number) {
    const page = pageSize();
    this.#map = map;
    this.#consumer = Mapping.of(map.number, { length: page, writable: true });
    this.#producer = Mapping.of(map.number, { offset: page, length: page + 2 * size, writable: false });
    this.#consumerPosition = new BigUint64Array(this.#consumer.buffer, 0, 1);
    this.#producerPosition = new BigUint64Array(this.#producer.buffer, 0, 1);
    this.#words = new Uint32Array(this.#producer.buffer, page);
    this.#records = new DataView(this.#producer.buffer, page);
    this.#mask = size - 1;
  }

  /** Records that were no event of this size. */
  get undecodable(): number {
    return this.#undecodable;
  }

  /** Events that are there now, oldest first, at most MAX_BATCH. */
  drain(): Event[] {
    const events: Event[] = [];
    this.take((_, at) => events.push(decodeEvent(this.#records, at * 4)));
    return events;
  }

  /**
   * Gives `into` each record that is there now, at most MAX_BATCH, oldest first: at word `at` of `words`, which is always the
   * same memory and has something else there afterwards. Returns how many.
   */
  take(into: (words: Uint32Array, at: number) => void): number {
    let taken = 0;
    const start = Number(Atomics.load(this.#consumerPosition, 0));
    const end = Number(Atomics.load(this.#producerPosition, 0));
    let at = start;
    while (at < end && taken < MAX_BATCH) {
      const offset = at % (this.#mask + 1);
      const header = Atomics.load(this.#words, offset / 4);
      if ((header & BUSY) !== 0) break;
      const length = header & 0x3fff_ffff;
      if ((header & DISCARDED) === 0) {
        taken += 1;
        if (length === EVENT_SIZE) into(this.#words, (offset + HEADER) / 4);
        else this.#undecodable += 1;
      }
      at += (length + HEADER + 7) & ~7;
    }
    if (at !== start) Atomics.store(this.#consumerPosition, 0, BigInt(at));
    return taken;
  }

  /** What came, taken by `into`, until the signal is aborted: how many; 0 where nothing more did, and once more when no window is open. */
  async *looks(
    signal: AbortSignal,
    into: { readonly begin?: () => void; readonly push: (words: Uint32Array, at: number) => void },
    pace: typeof PACE = PACE,
  ): AsyncGenerator<number> {
    let waitMs = pace.soonMs;
    while (!signal.aborted) {
      into.begin?.();
      const taken = this.take((words, at) => into.push(words, at));
      yield taken;
      if (taken > 0 || this.#hasMore) {
        await pause(pace.pauseMs, signal);
        waitMs = pace.soonMs;
      } else {
        await this.#readable(waitMs, signal);
        waitMs = pace.quietMs;
      }
    }
  }

  /** There is more: a record that is not finished holds up those behind it. */
  get #hasMore(): boolean {
    return Atomics.load(this.#consumerPosition, 0) < Atomics.load(this.#producerPosition, 0);
  }

  /** Resolves when there is something to read, `ms` have passed or the signal is aborted. */
  async #readable(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const watch = onReadable(this.#map.number, () => woken.abort());
    await pause(ms, AbortSignal.any([signal, woken.signal]));
    watch[Symbol.dispose]();
  }

  close(): void {
    this.#consumer.close();
    this.#producer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const pause = async (ms: number, signal: AbortSignal): Promise<void> =>
  await systemClock.sleep(ms, signal).catch(() => undefined);
