import { type Clock, errorMessage, type Lifecycle, type Logger, type Service } from '../../base/index.ts';
import type { Link, LinkList, Netdev } from '../../datapath/index.ts';
import { endpointOfIfname } from '../../endpoint/index.ts';
import type { Ifindex } from '../../model/index.ts';
import type { DevicePrograms } from './device-programs.ts';

/** How soon a device that comes later is guarded. */
const LOOK_MS = 10_000;

export type NodeDevicesOptions = {
  readonly links: Pick<LinkList, 'all'>;
  readonly netdev: Pick<Netdev, 'linkAt'>;
  readonly programs: Pick<
    DevicePrograms,
    'pinned' | 'isAttached' | 'difference' | 'attach' | 'closeLeftBehind' | 'detach'
  >;
  /** False: what is attached is to stay as it is for now, since what it should be is not complete. */
  readonly mayReplace: () => boolean;
  /** Must be guarded before the agent serves. */
  readonly uplink: Ifindex;
  /** Has programs of its own, whatever is configured; 0: there is none. */
  readonly overlay: Ifindex;
  /** Names; undefined: every device that leads out of the node. */
  readonly configured: readonly string[] | undefined;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Keeps the programs at every device that leads out of the node, those that come later too. */
export class NodeDevices implements Service {
  readonly #o: NodeDevicesOptions;
  #guarded: ReadonlyMap<Ifindex, string> = new Map();

  constructor(options: NodeDevicesOptions) {
    this.#o = options;
  }

  /** Names of the devices that are to be guarded, as at the last look. */
  get guarded(): ReadonlyMap<Ifindex, string> {
    return this.#guarded;
  }

  /**
   * Throws when nothing can be put at the uplink. What else could not be put right is tried again, and closed when it stayed
   * on maps that nobody writes any more.
   */
  async look(): Promise<void> {
    const { netdev, programs, uplink, overlay, configured, log } = this.#o;
    const links = await this.#o.links.all();
    const outer = links.filter(
      (link) => link.ifindex === uplink || link.ifindex === overlay || leadsOut(link, configured),
    );
    for (const link of outer) {
      if (!this.#o.mayReplace() && programs.isAttached(link.ifindex)) continue;
      try {
        const difference = programs.difference(link.ifindex);
        if (difference === undefined) continue;
        await programs.attach(link.ifindex);
        log.info({ device: link.name, difference }, 'programs of a device were put in place');
      } catch (error) {
        await programs.closeLeftBehind(link.ifindex).catch((failure: unknown) => {
          log.error({ device: link.name, error: errorMessage(failure) }, 'a device of the node is not wholly closed');
        });
        if (link.ifindex === uplink && !programs.isAttached(uplink)) throw error;
        log.error({ device: link.name, error: errorMessage(error) }, 'a device of the node is not as it should be');
      }
    }
    this.#guarded = new Map(outer.map((link) => [link.ifindex, link.name]));
    for (const gone of programs.pinned()) {
      if (this.#guarded.has(gone)) continue;
      const link = await netdev.linkAt(gone);
      // Who is missing in a list is asked for before he is taken for gone.
      if (link !== undefined && !links.some(({ ifindex }) => ifindex === gone)) continue;
      await programs.detach(gone);
    }
  }

  /** Whether a device has the programs that it should, as they should be. */
  isGuarded(device: Ifindex): boolean {
    return this.#o.programs.isAttached(device);
  }

  /** What is not as it should be at the devices that are to be guarded, for people. */
  problems(): string[] {
    const { programs, mayReplace } = this.#o;
    return [...this.#guarded].flatMap(([ifindex, name]) => {
      const difference = mayReplace() ? programs.difference(ifindex) : undefined;
      return difference === undefined ? [] : [`the node's ${name}: ${difference}`];
    });
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('devices of the node', async (signal) => {
      while (!signal.aborted) {
        await this.#o.clock.sleep(LOOK_MS, signal).catch(() => undefined);
        if (!signal.aborted) await this.look();
      }
    });
  }
}

/** A port's frames come in at its bridge or bond; pods have programs of their own. */
function leadsOut(link: Link, configured: readonly string[] | undefined): boolean {
  if (configured !== undefined) return configured.includes(link.name);
  return link.isEthernet && !link.isPort && endpointOfIfname(link.name) === undefined;
}
