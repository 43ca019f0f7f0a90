import type { Caller, ClusterFlows } from '../api/server.ts';
import { Signal, systemClock } from '../base/index.ts';
import type { Inventory } from './messages.ts';
import type { InventorySource } from './reading.ts';

const LOOK_EVERY_MS = 5_000;

/** The nodes that there are. Workloads are known by the flows that somebody may see, and by nothing else. */
export class ClusterInventory implements InventorySource {
  readonly changed = new Signal();
  readonly cluster = '';
  readonly #flows: ClusterFlows;
  readonly #caller: Caller;
  #now: Inventory = { nodes: [], tenants: [], workloads: [], services: [], policies: 0, isPartial: true };

  constructor(flows: ClusterFlows, caller: Caller) {
    this.#flows = flows;
    this.#caller = caller;
  }

  get now(): Inventory {
    return this.#now;
  }

  watch(): () => void {
    const ending = new AbortController();
    void this.#follow(ending.signal);
    return () => ending.abort();
  }

  async look(): Promise<void> {
    const told = await this.#flows.nodes(this.#caller);
    const nodes = told.map(({ name, version, isConnected }) => ({
      name,
      version,
      ready: isConnected,
      ...(isConnected ? {} : { silent: 'it does not answer' }),
    }));
    if (JSON.stringify(nodes) === JSON.stringify(this.#now.nodes)) return;
    this.#now = { ...this.#now, nodes };
    this.changed.emit();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await systemClock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      // A node that does not answer is told of by the next look.
      if (!signal.aborted) await this.look().catch(() => undefined);
    }
  }
}
