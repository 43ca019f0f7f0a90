import type { Collector, FlowLogs } from '../../api/server.ts';
import { Backoff, type Clock, escapeText, type Lifecycle, type Logger, type Service } from '../../base/index.ts';

/** Between two tries, from the first to the most. */
const AGAIN_MS = { initial: 1_000, max: 30_000 };
/** So long the same flows are sent again: what a collector is away for longer is counted. */
const KEEP_MS = 300_000;
/** Who refuses is asked no more often than this. */
const REFUSED_MS = 1_000;
/** For the last ones, once the agent stops. */
const LAST_MS = 2_000;

export type OtlpExportOptions = {
  readonly endpoint: string;
  readonly collector: Collector;
  /** Those that come from now on, in groups of what is sent at once. */
  readonly logs: (signal: AbortSignal) => AsyncIterable<FlowLogs>;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

type Failed = { readonly again: boolean; readonly afterMs: number };
type Lost = { slow: number; refused: number; unreachable: number };

/**
 * Flows to a collector. Whatever it does, nobody waits for it: flows wait where readers' flows do, in the store. Of those that are
 * wanted each is sent, or counted as lost: `slow` where too many waited, `refused` where the collector does not take them,
 * `unreachable` where it was away for too long. One whose answer did not come is sent again, and may so be there twice.
 */
export class OtlpExport implements Service {
  readonly #o: OtlpExportOptions;
  readonly #lost: Lost = { slow: 0, refused: 0, unreachable: 0 };
  readonly #backoff: Backoff;
  #sent = 0;
  #problem: string | undefined;

  constructor(options: OtlpExportOptions) {
    this.#o = options;
    this.#backoff = new Backoff(AGAIN_MS);
  }

  /** Flows that the collector has taken. */
  get sent(): number {
    return this.#sent;
  }

  get lost(): Readonly<Lost> {
    return this.#lost;
  }

  /** Why nothing can be sent now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async start(lifecycle: Pick<Lifecycle, 'spawn'>): Promise<void> {
    lifecycle.spawn('flow export by OTLP', async (signal) => {
      for await (const group of this.#o.logs(signal)) {
        this.#lost.slow += group.lost;
        await this.#deliver(group, signal);
      }
    });
  }

  async stop(): Promise<void> {
    this.#o.collector.close();
  }

  async #deliver(group: FlowLogs, signal: AbortSignal): Promise<void> {
    const { clock } = this.#o;
    const until = clock.elapsed() + KEEP_MS;
    for (;;) {
      const failed = await this.#send(group, signal);
      if (failed === undefined) return;
      if (!failed.again) {
        this.#lost.refused += group.flows;
        await clock.sleep(REFUSED_MS, signal).catch(() => undefined);
        return;
      }
      const pause = Math.max(this.#backoff.next(), failed.afterMs);
      if (signal.aborted || clock.elapsed() + pause > until) {
        this.#lost.unreachable += group.flows;
        return;
      }
      await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  /** Undefined: it was taken. */
  async #send({ records, flows }: FlowLogs, signal: AbortSignal): Promise<Failed | undefined> {
    const { collector, timeoutMs } = this.#o;
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), timeoutMs);
    const last = () => setTimeout(() => over.abort(), LAST_MS).unref();
    if (signal.aborted) last();
    else signal.addEventListener('abort', last, { once: true });
    const answer = await collector.send(records, over.signal);
    clearTimeout(timer);
    signal.removeEventListener('abort', last);
    if ('failed' in answer) {
      this.#tell(over.signal.aborted ? `no answer within ${timeoutMs / 1_000} s` : answer.failed);
      return over.signal.aborted ? { again: true, afterMs: 0 } : answer;
    }
    const refused = Math.min(answer.rejected, flows);
    this.#sent += flows - refused;
    this.#lost.refused += refused;
    this.#backoff.reset();
    const why = answer.message === '' ? '' : `: ${answer.message}`;
    this.#tell(refused === 0 ? undefined : `${refused} of ${flows} were refused${why}`);
    return undefined;
  }

  /** What a collector says is somebody else's words. */
  #tell(said: string | undefined): void {
    const { endpoint, log } = this.#o;
    const problem =
      said === undefined ? undefined : `flows do not reach ${endpoint}: ${escapeText(said.slice(0, 300))}`;
    if (problem !== undefined && problem !== this.#problem)
      log.warn({ endpoint, problem }, 'flows do not reach the collector');
    if (problem === undefined && this.#problem !== undefined)
      log.info({ endpoint, lost: this.#lost }, 'flows reach the collector again');
    this.#problem = problem;
  }
}
