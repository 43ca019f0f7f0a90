import { Backoff, type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../base/index.ts';
import { Prefix } from '../net/index.ts';

/** Ranges are added once in years; addresses from a new one are covered as they are given out. */
const AGAIN_MS = 60_000;

export type ServiceRangesOptions = {
  /** The ranges of services as the API server knows them, in text. Rejects when it cannot be asked. */
  readonly read: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Called after the first answer and after each that differs. */
  readonly known: (ranges: readonly Prefix[]) => void;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Asks where services get their addresses from. */
export class ServiceRanges implements Service {
  readonly #o: ServiceRangesOptions;

  constructor(options: ServiceRangesOptions) {
    this.#o = options;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    const { clock } = this.#o;
    const backoff = new Backoff({ initial: 100, max: 10_000 });
    let before: string | undefined;
    lifecycle.spawn('service ranges', async (signal) => {
      while (!signal.aborted) {
        const now = await this.#ask(signal);
        if (now !== undefined && now.join() !== before) {
          before = now.join();
          this.#o.known(now.flatMap(prefixOf));
          this.#o.log.info({ ranges: now }, 'ranges of services');
        }
        if (now !== undefined) backoff.reset();
        await clock.sleep(now === undefined ? backoff.next() : AGAIN_MS, signal).catch(() => undefined);
      }
    });
  }

  async stop(): Promise<void> {}

  async #ask(signal: AbortSignal): Promise<string[] | undefined> {
    try {
      return (await this.#o.read(signal)).toSorted();
    } catch (error) {
      if (!signal.aborted) this.#o.log.warn({ error: errorMessage(error) }, 'ranges of services are not known');
      return undefined;
    }
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
