import { type Clock, systemClock } from '../../base/index.ts';
import { decodeEvent, EVENT_SIZE, type Event } from '../gen/codecs.ts';
import type { MapFd } from '../kernel/index.ts';
import { Mapping, pageSize } from '../kernel/index.ts';

const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const HEADER = 8;
/** Of one batch, so that a flood does not hold the event loop: about 20 ms. */
const MAX_BATCH = 65_536;

/**
 * Reads the event ring through shared memory: no system call, no callback from C. Programs write without waking
 * anybody, and a coarse timer drains, which costs nothing under load and next to nothing when idle.
 */
export class EventRing implements Disposable {
  readonly #consumer: Mapping;
  readonly #producer: Mapping;
  readonly #consumerPosition: BigUint64Array;
  readonly #producerPosition: BigUint64Array;
  readonly #headers: Uint32Array;
  readonly #records: DataView;
  readonly #mask: number;
  #undecodable = 0;

  /** `size` in bytes, as the map was created. `map` stays the caller's and may be closed. */
  constructor(map: MapFd, size: number) {
    const page = pageSize();
    this.#consumer = Mapping.of(map.number, { length: page, writable: true });
    this.#producer = Mapping.of(map.number, { offset: page, length: page + 2 * size, writable: false });
    this.#consumerPosition = new BigUint64Array(this.#consumer.buffer, 0, 1);
    this.#producerPosition = new BigUint64Array(this.#producer.buffer, 0, 1);
    this.#headers = new Uint32Array(this.#producer.buffer, page);
    this.#records = new DataView(this.#producer.buffer, page);
    this.#mask = size - 1;
  }

  /** Records that were not an event this program knows. */
  get undecodable(): number {
    return this.#undecodable;
  }

  /** Events that are there now, oldest first, at most `limit`. */
  drain(limit: number = MAX_BATCH): Event[] {
    const events: Event[] = [];
    const start = Number(Atomics.load(this.#consumerPosition, 0));
    const end = Number(Atomics.load(this.#producerPosition, 0));
    let at = start;
    while (at < end && events.length < limit) {
      const offset = at % (this.#mask + 1);
      const header = Atomics.load(this.#headers, offset / 4);
      if ((header & BUSY) !== 0) break;
      const length = header & 0x3fff_ffff;
      if ((header & DISCARDED) === 0) this.#decode(offset + HEADER, length, events);
      at += (length + HEADER + 7) & ~7;
    }
    if (at !== start) Atomics.store(this.#consumerPosition, 0, BigInt(at));
    return events;
  }

  #decode(offset: number, length: number, into: Event[]): void {
    if (length !== EVENT_SIZE) {
      this.#undecodable += 1;
      return;
    }
    try {
      into.push(decodeEvent(this.#records, offset));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#undecodable += 1;
    }
  }

  /** Batches until the signal is aborted, looked for every `intervalMs` (default 50). A full batch is followed at once. */
  async *batches(options: { signal: AbortSignal; intervalMs?: number; clock?: Clock }): AsyncGenerator<Event[]> {
    const clock = options.clock ?? systemClock;
    while (!options.signal.aborted) {
      const events = this.drain();
      if (events.length > 0) yield events;
      try {
        await clock.sleep(events.length === MAX_BATCH ? 0 : (options.intervalMs ?? 50), options.signal);
      } catch {
        return;
      }
    }
  }

  close(): void {
    this.#consumer.close();
    this.#producer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
