import type { Clock, Lifecycle, Logger, Service } from '../../base/index.ts';
import { Gauge, type Registry } from '../../base/metrics.ts';
import type { AgentNode } from '../node/index.ts';
import { some } from './finding.ts';
import { routeLocalnetDevices } from './sysctls.ts';

const EVERY_MS = 30_000;

export type LoopbackWatchOptions = {
  /** Devices that have route_localnet set. */
  readonly look: () => readonly string[];
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
};

/** Says when somebody sets route_localnet on this node. It changes nothing: whoever set it would do so again. */
export class LoopbackWatch implements Service {
  readonly #o: LoopbackWatchOptions;
  readonly #gauge: Gauge;
  #known: readonly string[] = [];

  constructor(options: LoopbackWatchOptions) {
    this.#o = options;
    this.#gauge = new Gauge({
      name: 'membrane_route_localnet_interfaces',
      help: 'Interfaces, "all" and "default" among them, that let neighbours reach what listens on 127.0.0.1',
      registers: [options.registry],
    });
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    this.#look();
    lifecycle.spawn('route_localnet', async (signal) => {
      while (!signal.aborted) {
        await this.#o.clock.sleep(EVERY_MS, signal).catch(() => undefined);
        if (!signal.aborted) this.#look();
      }
    });
  }

  #look(): void {
    const { look, log } = this.#o;
    const found = look();
    this.#gauge.set(found.length);
    if (found.join(' ') === this.#known.join(' ')) return;
    this.#known = found;
    if (found.length === 0) log.info({}, 'route_localnet is set nowhere any more');
    else {
      const interfaces = some(found);
      log.warn({ interfaces }, 'route_localnet is set: neighbours reach what listens on 127.0.0.1 (CVE-2020-8558)');
    }
  }
}

export function loopbackWatch({ registry, clock, log }: AgentNode): LoopbackWatch {
  return new LoopbackWatch({ look: routeLocalnetDevices, registry, clock, log });
}
