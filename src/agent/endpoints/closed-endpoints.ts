import type { Clock, Lifecycle, Logger, Service } from '../../base/index.ts';
import type { Netdev } from '../../datapath/index.ts';
import { hostIfnameOf } from '../../endpoint/index.ts';
import { type EndpointId, ifindex } from '../../model/index.ts';
import type { StateFiles } from '../node/index.ts';
import type { Addressing } from './addressing.ts';
import type { EndpointPrograms } from './endpoint-programs.ts';

/** How soon what a pod left is cleared up. */
const LOOK_MS = 10_000;

export type ClosedEndpointsOptions = {
  readonly netdev: Pick<Netdev, 'findLink' | 'setDown'>;
  readonly programs: Pick<EndpointPrograms, 'close' | 'closeLeftBehind' | 'detach'>;
  readonly state: Pick<StateFiles, 'deleteEndpoint'>;
  readonly addressing: Pick<Addressing, 'release'>;
  readonly clock: Clock;
  readonly log: Logger;
};

/**
 * Devices of pods that nobody can say anything about, because their records were lost or cannot be read: nothing passes
 * at them. They go when their pods go, which takes the devices along.
 */
export class ClosedEndpoints implements Service {
  readonly #o: ClosedEndpointsOptions;
  readonly #why = new Map<EndpointId, string>();

  constructor(options: ClosedEndpointsOptions) {
    this.#o = options;
  }

  /** What is wrong with each, for people. */
  get problems(): string[] {
    return Array.from(
      this.#why,
      ([id, why]) => `endpoint ${id} (${hostIfnameOf(id)}) is closed: ${why}; delete its pod, so that it comes anew`,
    );
  }

  async add(step: { readonly id: EndpointId; readonly ifindex: number; readonly why: string }): Promise<void> {
    this.#why.set(step.id, step.why);
    this.#o.log.error({ endpoint: step.id, why: step.why }, 'a pod is closed, and its device stays');
    const { netdev, programs } = this.#o;
    const device = ifindex(step.ifindex);
    try {
      await programs.close(step.id, device);
    } catch (error) {
      // What runs there cannot be replaced, or nothing can run there.
      await netdev.setDown(device);
      await programs.closeLeftBehind({ id: step.id, hostIfindex: device });
      throw error;
    }
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    lifecycle.spawn('pods that are closed', async (signal) => {
      while (!signal.aborted) {
        await this.#o.clock.sleep(LOOK_MS, signal).catch(() => undefined);
        if (!signal.aborted) await this.look();
      }
    });
  }

  /** Clears up behind those whose devices are gone. */
  async look(): Promise<void> {
    const { netdev, programs, state, addressing, clock, log } = this.#o;
    for (const id of this.#why.keys()) {
      if ((await netdev.findLink(hostIfnameOf(id))) !== undefined) continue;
      await programs.detach(id);
      state.deleteEndpoint(id);
      addressing.release(id, undefined, clock.elapsed());
      this.#why.delete(id);
      log.info({ endpoint: id }, 'a closed pod is gone');
    }
  }
}
