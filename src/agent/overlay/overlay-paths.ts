import type { Clock, Lifecycle, Logger, Service, Signal } from '../../base/index.ts';
import type { Link, OverlayNetdev } from '../../datapath/index.ts';
import type { Ifindex } from '../../model/index.ts';
import type { Addr, Prefix } from '../../net/index.ts';

/** How soon a device that somebody took away is there again. */
const LOOK_MS = 10_000;

export type OverlayPathsOptions = {
  readonly netdev: Pick<OverlayNetdev, 'raise' | 'route'>;
  /** Makes the device anew, with the index that programs know it by, where it is gone. */
  readonly ensure: () => Promise<Link>;
  /** Whether the programs are at it: without them it stays down. */
  readonly isGuarded: (device: Ifindex) => boolean;
  /** Of pods on other nodes. */
  readonly ranges: () => readonly Prefix[];
  readonly changed: Signal;
  /** Of the node, as the others know it. */
  readonly source: Addr;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Keeps the way of the node's own processes to pods of other nodes: the overlay's device up, and a route for each range. */
export class OverlayPaths implements Service {
  readonly #o: OverlayPathsOptions;
  #wake = new AbortController();

  constructor(options: OverlayPathsOptions) {
    this.#o = options;
    options.changed.listen(() => this.#wake.abort());
  }

  async look(): Promise<void> {
    const { netdev, ensure, isGuarded, ranges, source, log } = this.#o;
    const link = await ensure();
    if (!isGuarded(link.ifindex)) {
      if (!link.up) return;
      log.warn({ ifindex: link.ifindex }, 'the device of the overlay has no programs yet');
      return;
    }
    await netdev.raise(link);
    await netdev.route(link.ifindex, ranges(), source);
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    await this.look();
    lifecycle.spawn('ways to pods of other nodes', async (signal) => {
      while (!signal.aborted) {
        const either = AbortSignal.any([signal, this.#wake.signal]);
        await this.#o.clock.sleep(LOOK_MS, either).catch(() => undefined);
        this.#wake = new AbortController();
        if (!signal.aborted) await this.look();
      }
    });
  }
}
