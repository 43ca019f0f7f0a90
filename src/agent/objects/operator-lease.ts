import { type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import { type Registry, readGauge } from '../../base/metrics.ts';
import type { LeaseObject } from '../../kube/index.ts';

/** One answer a minute and node: of 1,000 nodes 17 a second, as their own leases are 100. */
const EVERY_MS = 60_000;

export type OperatorLeaseOptions = {
  readonly lease: Pick<LeaseObject, 'get'>;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Whether an operator works, as this node sees it: who leads renews the Lease, and who has gone cannot say so. As in leader
 * election, what counts is what passes here since it was seen to change: clocks of others may be wrong.
 */
export class OperatorLease implements Service {
  readonly #o: OperatorLeaseOptions;
  #seen: string | undefined;
  #changedAt = 0;
  #isUnread = true;
  #hasFailed = false;

  constructor(options: OperatorLeaseOptions) {
    this.#o = options;
    const silence = (): number => (this.#isUnread ? Number.NaN : (options.clock.elapsed() - this.#changedAt) / 1_000);
    readGauge(options.registry, {
      name: 'membrane_kube_operator_silence_seconds',
      help: 'Since the lease of the operator was last seen to be renewed, looked at once a minute; NaN: it cannot be read',
      read: silence,
    });
  }

  async start(lifecycle: Pick<Lifecycle, 'spawn'>): Promise<void> {
    lifecycle.spawn('lease of the operator', async (signal) => {
      while (!signal.aborted) {
        await this.#look();
        await this.#o.clock.sleep(EVERY_MS, signal).catch(() => undefined);
      }
    });
  }

  async #look(): Promise<void> {
    const { lease, clock, log } = this.#o;
    try {
      const found = await lease.get();
      // Begins with the first look: before, nobody looked.
      const now = found === undefined ? 'none' : `${found.holder} ${found.renewedAt}`;
      if (now !== this.#seen) this.#changedAt = clock.elapsed();
      this.#seen = now;
      this.#isUnread = false;
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) log.warn({ error: errorMessage(error) }, 'whether an operator works cannot be read');
      this.#hasFailed = true;
      this.#isUnread = true;
    }
  }
}
