import type { ApiClient, ObserveLine } from '../../api/index.ts';
import { systemClock } from '../../base/index.ts';
import { patience } from '../tools/index.ts';

export type SeenFlow = Extract<ObserveLine, { kind: 'flow' }>['flow'];

const KEEP = 20_000;
const RETRY_MS = 50;
const LOOK_MS = 10;

/** Listens to the agents' flows for as long as the attacks last, across restarts of an agent. */
export class Witness {
  readonly #stop = new AbortController();
  /** By node. */
  readonly #flows = new Map<string, SeenFlow[]>();
  readonly #running: Promise<void>[] = [];

  listen(node: string, api: ApiClient): void {
    if (this.#flows.has(node)) return;
    const flows: SeenFlow[] = [];
    this.#flows.set(node, flows);
    this.#running.push(this.#follow(api, flows));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  /**
   * The newest flow that fits and is not older than `since` (ms since the epoch), at one node or at any; waits a moment for
   * it to arrive.
   */
  async find(
    fits: (flow: SeenFlow) => boolean,
    options: { since: number; at?: string; timeoutMs?: number },
  ): Promise<SeenFlow | undefined> {
    const { since, at, timeoutMs = 10_000 } = options;
    const deadline = Date.now() + patience(timeoutMs);
    for (;;) {
      const places = at === undefined ? [...this.#flows.values()] : [this.#flows.get(at) ?? []];
      const found = places
        .flatMap((flows) => flows.findLast((flow) => flow.time >= since && fits(flow)) ?? [])
        .toSorted((a, b) => b.time - a.time)[0];
      if (found !== undefined || Date.now() >= deadline) return found;
      await systemClock.sleep(LOOK_MS);
    }
  }

  async #follow(api: ApiClient, flows: SeenFlow[]): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const line of api.observe({ follow: true }, signal)) {
          if (line.kind === 'flow') flows.push(line.flow);
          if (flows.length > 2 * KEEP) flows.splice(0, KEEP);
        }
      } catch {
        // The agent is being killed and started again: that is part of what is shown.
      }
      await systemClock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
  }
}
