import type { ApiClient, ObserveLine } from '../../api/index.ts';
import { systemClock } from '../../base/index.ts';
import { patience } from '../tools/index.ts';

export type SeenFlow = Extract<ObserveLine, { kind: 'flow' }>['flow'];

const KEEP = 20_000;
const RETRY_MS = 50;
const LOOK_MS = 10;

/** Listens to the agent's flows for as long as the attacks last, across restarts of the agent. */
export class Witness {
  readonly #api: ApiClient;
  readonly #stop = new AbortController();
  readonly #flows: SeenFlow[] = [];
  #running: Promise<void> | undefined;

  constructor(api: ApiClient) {
    this.#api = api;
  }

  start(): void {
    this.#running = this.#listen();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** The newest flow that fits and is not older than `since` (ms since the epoch); waits a moment for it to arrive. */
  async find(
    fits: (flow: SeenFlow) => boolean,
    options: { since: number; timeoutMs?: number },
  ): Promise<SeenFlow | undefined> {
    const deadline = Date.now() + patience(options.timeoutMs ?? 1_500);
    for (;;) {
      const found = this.#flows.findLast((flow) => flow.time >= options.since && fits(flow));
      if (found !== undefined || Date.now() >= deadline) return found;
      await systemClock.sleep(LOOK_MS);
    }
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const line of this.#api.observe({ follow: true }, signal)) {
          if (line.kind === 'flow') this.#flows.push(line.flow);
          if (this.#flows.length > 2 * KEEP) this.#flows.splice(0, KEEP);
        }
      } catch {
        // The agent is being killed and started again: that is part of what is shown.
      }
      await systemClock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }
}
