import type { Clock, Lifecycle, Logger, Service, Signal } from '../../base/index.ts';
import type { Link, OverlayNetdev } from '../../datapath/index.ts';
import type { Ifindex } from '../../model/index.ts';
import type { Addr, Prefix } from '../../net/index.ts';
import { keepLooking } from './keep-looking.ts';

const MOST_NAMED = 3;

export type OverlayPathsOptions = {
  readonly netdev: Pick<OverlayNetdev, 'raise' | 'route'>;
  /** Makes the device anew, with the index that programs know it by, where it is gone. */
  readonly ensure: () => Promise<Link>;
  /** Whether the programs are at it: without them it stays down. */
  readonly isGuarded: (device: Ifindex) => boolean;
  /** Of pods on other nodes; undefined: not known yet, and the routes that there are stay. */
  readonly ranges: () => readonly Prefix[] | undefined;
  readonly changed: Signal;
  /** Of the node, as the others know it. */
  readonly source: Addr;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Keeps the way of the node's own processes to pods of other nodes: the overlay's device up, and a route for each range. */
export class OverlayPaths implements Service {
  readonly #o: OverlayPathsOptions;
  #problem: string | undefined;

  constructor(options: OverlayPathsOptions) {
    this.#o = options;
  }

  /** What of the ways is not there; undefined: all are. */
  get problem(): string | undefined {
    return this.#problem;
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
    const wanted = ranges();
    if (wanted === undefined) return;
    const taken = await netdev.route(link.ifindex, wanted, source);
    const problem =
      taken.length === 0
        ? undefined
        : `somebody else has a route to ${taken.slice(0, MOST_NAMED).join(', ')}${taken.length > MOST_NAMED ? ` and ${taken.length - MOST_NAMED} more` : ''}, where pods of other nodes are: it stays, and the node's own processes reach them by that way or not at all, not through the tunnel ("ip route show" says whose it is; once it is deleted, the agent makes its own)`;
    if (problem !== this.#problem && problem !== undefined)
      log.warn({ problem }, 'a way to pods of other nodes is taken');
    this.#problem = problem;
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    const { changed, clock } = this.#o;
    await keepLooking(lifecycle, { look: async () => await this.look(), changed, clock });
  }
}
