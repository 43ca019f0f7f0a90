import type { FlowLines } from '../../api/server.ts';
import { errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import type { RotatingFile } from './rotating-file.ts';

/** What could not be written is tried again after so long; what comes until then is counted. */
const RETRY_MS = 1_000;

export type FlowExportOptions = {
  readonly path: string;
  readonly file: Pick<RotatingFile, 'open' | 'append' | 'close'>;
  /** Those that come from now on. */
  readonly flows: (signal: AbortSignal) => AsyncIterable<FlowLines>;
  readonly log: Logger;
};

/**
 * Flows to a file. Whatever the disk does, nobody waits for it: of those that are wanted each is written, or counted as lost,
 * `slow` where too many waited, `file` where it could not be written.
 */
export class FlowExport implements Service {
  readonly #o: FlowExportOptions;
  readonly #lost = { slow: 0, file: 0 };
  #written = 0;
  #problem: string | undefined;
  #retryAt = 0;

  constructor(options: FlowExportOptions) {
    this.#o = options;
  }

  get written(): number {
    return this.#written;
  }

  get lost(): { readonly slow: number; readonly file: number } {
    return this.#lost;
  }

  /** Why nothing can be written now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('flow export', async (signal) => {
      // Somebody is to hear of a wrong path before the first flow is lost.
      await this.#try(async () => await this.#o.file.open());
      for await (const { flows, lines, lost } of this.#o.flows(signal)) {
        this.#lost.slow += lost;
        if (lines.length === 0) continue;
        if (await this.#try(async () => await this.#o.file.append(lines))) this.#written += flows;
        else this.#lost.file += flows;
      }
    });
  }

  async stop(): Promise<void> {
    await this.#o.file.close();
  }

  async #try(act: () => Promise<void>): Promise<boolean> {
    const { path, log } = this.#o;
    if (performance.now() < this.#retryAt) return false;
    try {
      await act();
    } catch (error) {
      this.#retryAt = performance.now() + RETRY_MS;
      const problem = `flows cannot be written to ${path}: ${errorMessage(error)}`;
      if (problem !== this.#problem) log.warn({ path, error: errorMessage(error) }, 'flows cannot be written');
      this.#problem = problem;
      return false;
    }
    if (this.#problem !== undefined) log.info({ path, lost: this.#lost.file }, 'flows can be written again');
    this.#problem = undefined;
    this.#retryAt = 0;
    return true;
  }
}
