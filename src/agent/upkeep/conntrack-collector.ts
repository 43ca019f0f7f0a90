import { type Clock, errorMessage, type Lifecycle, type Logger, type Service, Signal } from '../../base/index.ts';
import type { ConntrackCollector, SocketRows } from '../../datapath/index.ts';

export type CollectionOptions = {
  readonly collector: ConntrackCollector;
  /** Undefined: no socket is turned. */
  readonly sockets: SocketRows | undefined;
  /** Entries that the table holds. */
  readonly capacity: number;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Entries from which on what is over must not wait: it counts against somebody's quota. */
const BUSY = 4_096;

/** Runs the kernel's collector, more often while there is something to collect. */
export class Collection implements Service {
  /** What was over when the collector came by is out of the tables. */
  readonly collected = new Signal();
  readonly #o: CollectionOptions;
  #entries = 0;
  #busy = false;

  constructor(options: CollectionOptions) {
    this.#o = options;
  }

  /** Live connections at the last run. */
  get entries(): number {
    return this.#entries;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    const { clock, intervalMs } = this.#o;
    lifecycle.spawn('conntrack collection', async (signal) => {
      while (!signal.aborted) {
        this.#collect();
        await clock.sleep(this.#busy ? intervalMs / 5 : intervalMs, signal).catch(() => undefined);
      }
    });
  }

  async stop(): Promise<void> {
    this.#o.collector.close();
    this.#o.sockets?.close();
  }

  #collect(): void {
    const { collector, sockets, capacity, log } = this.#o;
    const before = this.#entries;
    try {
      sockets?.settle();
      const { scanned, removed } = collector.run();
      this.#entries = scanned - removed;
      this.#busy = scanned > Math.min(BUSY, capacity * 0.75);
    } catch (error) {
      log.error({ error: errorMessage(error) }, 'conntrack collection failed');
      return;
    }
    if (this.#entries > capacity * 0.9 && before <= capacity * 0.9) {
      log.warn({ entries: this.#entries, capacity }, 'conntrack is nearly full: soon nothing new can be opened');
    }
    this.collected.emit();
  }
}
