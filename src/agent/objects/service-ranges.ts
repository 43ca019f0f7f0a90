import { Backoff, type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import type { ServiceRangesReading } from '../../kube/index.ts';
import { Prefix } from '../../net/index.ts';
import type { Table } from '../../table/index.ts';

/** Where they cannot be watched. Ranges are added once in years; addresses from a new one are covered as they are given out. */
const AGAIN_MS = 60_000;
/** Between two readings, whatever changes. */
const PAUSE_MS = 1_000;

export type ServiceRangesOptions = {
  /** The ranges of services as the API server knows them. Rejects when it cannot be asked. */
  readonly read: (signal: AbortSignal) => Promise<ServiceRangesReading>;
  /** Whole from the first answer on. */
  readonly ranges: Table<Prefix>;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Asks where services get their addresses from, and again when that changes. */
export class ServiceRanges implements Service {
  readonly #o: ServiceRangesOptions;

  constructor(options: ServiceRangesOptions) {
    this.#o = options;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    const backoff = new Backoff({ initial: 100, max: 10_000 });
    let before: string | undefined;
    lifecycle.spawn('service ranges', async (signal) => {
      while (!signal.aborted) {
        const reading = await this.#ask(signal);
        if (reading === undefined) {
          await this.#sleep(backoff.next(), signal);
          continue;
        }
        backoff.reset();
        const now = reading.ranges.toSorted();
        if (now.join() !== before) {
          before = now.join();
          this.#put(now.flatMap(prefixOf));
          this.#o.log.info({ ranges: now }, 'ranges of services');
        }
        await this.#wait(reading, signal);
      }
    });
  }

  async stop(): Promise<void> {}

  #put(upserts: readonly Prefix[]): void {
    const { ranges } = this.#o;
    const deletes = Array.from(ranges.rows.values()).filter((one) => !upserts.some((prefix) => prefix.equals(one)));
    ranges.apply({ upserts, deletes, synced: true });
  }

  async #ask(signal: AbortSignal): Promise<ServiceRangesReading | undefined> {
    try {
      return await this.#o.read(signal);
    } catch (error) {
      if (!signal.aborted) this.#o.log.warn({ error: errorMessage(error) }, 'ranges of services are not known');
      return undefined;
    }
  }

  /** Until they may be others. */
  async #wait({ changed }: ServiceRangesReading, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#o;
    const end = clock.elapsed() + AGAIN_MS;
    let canWatch = changed !== undefined;
    while (!signal.aborted && clock.elapsed() < end) {
      let isChanged = false;
      try {
        if (canWatch) isChanged = (await changed?.(signal)) === true;
      } catch (error) {
        canWatch = false;
        if (!signal.aborted) log.info({ error: errorMessage(error) }, 'ranges of services cannot be watched now');
      }
      await this.#sleep(canWatch ? PAUSE_MS : end - clock.elapsed(), signal);
      if (isChanged) return;
    }
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    await this.#o.clock.sleep(ms, signal).catch(() => undefined);
  }
}

/** What is no prefix is nobody's range. */
function prefixOf(text: string): Prefix[] {
  try {
    return [Prefix.parse(text, { hostBits: 'clear' })];
  } catch {
    return [];
  }
}
