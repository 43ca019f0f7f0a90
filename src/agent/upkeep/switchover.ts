import type { Clock, Lifecycle, Logger, Service } from '../../base/index.ts';
import type { Generation } from '../../datapath/index.ts';
import { isConnected } from '../../endpoint/index.ts';
import type { EndpointTable } from '../../plane/index.ts';
import type { NodeDevices } from '../devices/index.ts';
import { type BrokenEndpoints, type EndpointPrograms, swapPrograms } from '../endpoints/index.ts';

/** How soon it is noticed that everything is written. */
const LOOK_MS = 50;

export type SwitchoverOptions = {
  readonly generation: Generation;
  readonly endpoints: EndpointTable;
  readonly programs: EndpointPrograms;
  readonly devices: Pick<NodeDevices, 'look'>;
  readonly attachSockets: () => Promise<unknown>;
  readonly broken: BrokenEndpoints;
  /** What the API says is written, of policies and of services. */
  readonly isWritten: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Ends what the start began, when all programs use the new maps; and brings the node over to maps that had to be written
 * anew, when all is written. Until then the programs of an
 * earlier life go on with the maps that they have, as they do while no agent is there.
 */
export class Switchover implements Service {
  readonly #o: SwitchoverOptions;

  constructor(options: SwitchoverOptions) {
    this.#o = options;
  }

  /** What people are told while it is not done; undefined: it is. */
  get waits(): string | undefined {
    if (this.#o.generation.isSettled) return undefined;
    return 'new maps are written; the programs of pods go on with the old ones until what the API says is in them';
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    const { generation } = this.#o;
    if (generation.isSettled) {
      generation.commit();
      return;
    }
    if (generation.isComplete) return await this.#end();
    lifecycle.spawn('switch to new maps', async (signal) => {
      while (!signal.aborted && !this.#o.isWritten()) {
        await this.#o.clock.sleep(LOOK_MS, signal).catch(() => undefined);
      }
      if (!signal.aborted) await this.#switch();
    });
  }

  async #switch(): Promise<void> {
    const { generation, endpoints, programs, devices, broken, attachSockets, log } = this.#o;
    generation.begin();
    const swaps = endpoints
      .values()
      .flatMap(({ state, record }) =>
        isConnected(state) && programs.difference(record) !== undefined ? [record] : [],
      );
    await swapPrograms(swaps, { programs, broken, beforeSwap: async () => await generation.catchUp() });
    await devices.look();
    await attachSockets();
    await this.#end();
    log.info({ endpoints: swaps.length, connectionsKept: !generation.losesConnections }, 'programs use the new maps');
  }

  /** All programs have gone over. */
  async #end(): Promise<void> {
    await this.#o.generation.catchUp();
    this.#o.generation.commit();
  }
}
