import { Backoff, type Clock, errorMessage, isMembraneError, type Logger } from '../base/index.ts';
import type { IdentityCollection, Round } from '../identity/index.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Term } from './leader-election.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { ReceiptSweep } from './receipt-sweep.ts';

export type CollectorOptions = {
  readonly collection: () => IdentityCollection;
  readonly view: ClusterView;
  readonly sweep: () => ReceiptSweep;
  readonly metrics: OperatorMetrics;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
};

const MOST_NAMED = 5;

/** Takes back numbers that nobody has, for as long as this operator leads. */
export class Collector {
  readonly #o: CollectorOptions;
  #behind = '';

  constructor(options: CollectorOptions) {
    this.#o = options;
  }

  async run({ signal, check }: Term): Promise<void> {
    const { view, clock, intervalMs, metrics, log } = this.#o;
    // Of this term only: what was seen before it began says nothing of how long it has been so.
    const collection = this.#o.collection();
    const sweep = this.#o.sweep();
    const backoff = new Backoff({ initial: 1_000, max: 60_000 });
    while (!signal.aborted) {
      let pauseMs = intervalMs;
      try {
        if (view.synced) this.#tell(await this.#round(collection, check));
        await sweep.look(check);
        backoff.reset();
      } catch (error) {
        if (signal.aborted || isMembraneError(error, 'E_OPERATOR_NOT_LEADING')) return;
        pauseMs = Math.max(intervalMs, backoff.next());
        metrics.failed();
        log.warn({ error: errorMessage(error), retryInMs: Math.round(pauseMs) }, 'numbers are not taken back');
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  async #round(collection: IdentityCollection, check: () => void): Promise<Round> {
    const { used, identities } = this.#o.view;
    const objects = identities.rows;
    const isNode = (name: string): boolean => this.#o.view.isNode(name);
    const round = await collection.round({ objects, used, isNode }, check);
    this.#o.metrics.looked({ ...round, total: objects.size, used: used.size });
    return round;
  }

  #tell({ marked, kept, deleted, waiting, behind }: Round): void {
    const { log } = this.#o;
    if (marked + kept + deleted.length > 0) {
      log.info({ marked, kept, deleted: deleted.length, waiting }, 'numbers were taken back');
    }
    const named = behind.toSorted().slice(0, MOST_NAMED).join(', ');
    if (named !== this.#behind && named !== '') {
      log.warn({ nodes: named, count: behind.length, waiting }, 'numbers wait for nodes that have not heard of it');
    }
    this.#behind = named;
  }
}
