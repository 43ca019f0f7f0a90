import type { Clock, Logger } from '../base/index.ts';
import type { IdentityReceipts } from '../kube/index.ts';
import type { ClusterView } from './cluster-view.ts';

export type ReceiptSweepOptions = {
  readonly receipts: Pick<IdentityReceipts, 'list' | 'remove'>;
  readonly view: Pick<ClusterView, 'isNode' | 'synced'>;
  readonly clock: Pick<Clock, 'elapsed'>;
  readonly log: Logger;
};

/** Between two looks; a node whose agent goes on without its Node says again what it has heard in half of it. */
const INTERVAL_MS = 600_000;

/**
 * Deletes what nodes have heard that are no more. Their word has not counted since they went (`IdentityCollection`), so
 * nothing depends on when: a receipt must have been nobody's in two looks, an hour apart at the least.
 */
export class ReceiptSweep {
  readonly #o: ReceiptSweepOptions;
  readonly #restMs: number;
  /** Since when a receipt is known to be of no node. */
  readonly #strays = new Map<string, number>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ReceiptSweepOptions, restMs = 3_600_000) {
    this.#o = options;
    this.#restMs = restMs;
  }

  /** `check` comes before each request, and may throw. Throws what requests throw. */
  async look(check: () => void): Promise<void> {
    const { receipts, view, clock, log } = this.#o;
    const now = clock.elapsed();
    if (!view.synced || now - this.#lookedAt < Math.min(INTERVAL_MS, this.#restMs)) return;
    check();
    const strays = (await receipts.list()).map(({ name }) => name).filter((name) => !view.isNode(name));
    for (const name of this.#strays.keys()) if (!strays.includes(name)) this.#strays.delete(name);
    for (const name of strays) {
      const since = this.#strays.get(name) ?? now;
      this.#strays.set(name, since);
      if (now - since < this.#restMs) continue;
      check();
      await receipts.remove(name);
      this.#strays.delete(name);
      log.info({ node: name }, 'what a node has heard that is gone was deleted');
    }
    this.#lookedAt = now;
  }
}
