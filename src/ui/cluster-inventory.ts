import type { Caller, ClusterFlows, ClusterNode, ClusterInventory as NodeInventory } from '../api/server.ts';
import { Signal, systemClock } from '../base/index.ts';
import type { Inventory } from './messages.ts';
import type { InventorySource } from './reading.ts';
import { inventoryOf, type ToldInventory } from './told-inventory.ts';

const LOOK_EVERY_MS = 5_000;

/**
 * The nodes that there are, and of namespaces whose stored flows somebody may see their workloads and Services, of tenants all of whose
 * namespaces are so who has them: nodes judge that, and tell nothing of others. Those are known by the flows that he sees, and by nothing else.
 */
export class ClusterInventory implements InventorySource {
  readonly changed = new Signal();
  readonly cluster = '';
  readonly #flows: Pick<ClusterFlows, 'nodes' | 'inventory'>;
  readonly #caller: Caller;
  #now: Inventory = { nodes: [], tenants: [], workloads: [], services: [], policies: 0, isPartial: true };

  constructor(flows: Pick<ClusterFlows, 'nodes' | 'inventory'>, caller: Caller) {
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
    const [nodes, inventories] = await Promise.all([
      this.#flows.nodes(this.#caller),
      this.#flows.inventory(this.#caller),
    ]);
    const told = new Map(inventories.map((inventory) => [inventory.node, inventory]));
    const isWhole = nodes.length > 0 && nodes.every(({ name }) => told.get(name)?.isWhole === true);
    const next: Inventory = {
      ...inventoryOf(nodes.map((node) => toldBy(node, told.get(node.name)))),
      ...(isWhole ? {} : { isPartial: true }),
    };
    if (JSON.stringify(next) === JSON.stringify(this.#now)) return;
    this.#now = next;
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

function toldBy({ name, version, isConnected }: ClusterNode, told: NodeInventory | undefined): ToldInventory {
  const { pods = [], services = [], tenants = [], policies = 0 } = told ?? {};
  return {
    summary: { name, version, ready: isConnected, ...(isConnected ? {} : { silent: 'it does not answer' }) },
    endpoints: pods.map(({ name: pod, ...rest }) => ({ ...rest, pod })),
    services: services.map(({ backends, problems, ...rest }) => ({
      ...rest,
      backends: backends.map((address) => ({ address })),
      problems: problems.map((message) => ({ message })),
    })),
    tenants: tenants.map(({ name: tenant, namespaces, closed }) => ({
      name: tenant,
      namespaces,
      ...(closed === '' ? {} : { closed }),
    })),
    policies,
  };
}
