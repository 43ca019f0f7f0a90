import { errorMessage, type Lifecycle, Signal, systemClock } from '../base/index.ts';
import type { AgentLink, AgentList } from './agent-links.ts';
import type { Inventory } from './messages.ts';
import { inventoryOf, type ToldInventory } from './told-inventory.ts';

const LOOK_EVERY_MS = 2_000;

type Told = ToldInventory & { readonly cluster: string };

/** What there is in the cluster, as its agents have it. Asked for only while somebody looks. */
export class InventoryWatch {
  /** Something of it is another. */
  readonly changed = new Signal();
  readonly #agents: AgentList;
  #now: Inventory = { nodes: [], tenants: [], workloads: [], services: [], policies: 0 };
  #cluster = '';
  #text = '';
  #watchers = 0;
  #wake: (() => void) | undefined;

  constructor(agents: AgentList) {
    this.#agents = agents;
  }

  get now(): Inventory {
    return this.#now;
  }

  get cluster(): string {
    return this.#cluster;
  }

  /** Returns what ends it. */
  watch(): () => void {
    this.#watchers += 1;
    this.#wake?.();
    return () => {
      this.#watchers -= 1;
    };
  }

  start(lifecycle: Pick<Lifecycle, 'spawn'>): void {
    lifecycle.spawn('inventory', async (signal) => {
      while (!signal.aborted) {
        if (this.#watchers === 0) await this.#called(signal);
        if (signal.aborted) return;
        await this.look();
        await systemClock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      }
    });
  }

  async look(): Promise<void> {
    const told = await Promise.all(this.#agents.all.map(askOf));
    this.#cluster = told.map(({ cluster }) => cluster).find((cluster) => cluster !== '') ?? this.#cluster;
    const next = inventoryOf(told);
    const text = JSON.stringify(next);
    if (text === this.#text) return;
    this.#text = text;
    this.#now = next;
    this.changed.emit();
  }

  async #called(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    this.#wake = undefined;
  }
}

async function askOf({ node, client }: AgentLink): Promise<Told> {
  try {
    const [status, endpoints, services, tenants] = await Promise.all([
      client.status(),
      client.endpoints(),
      client.services(),
      client.tenants(),
    ]);
    return {
      summary: { name: status.node, ready: status.ready, version: status.version },
      cluster: status.cluster,
      endpoints,
      services: services.items,
      tenants: tenants.map(({ name, closed, namespaces }) => ({
        name,
        ...(closed === undefined ? {} : { closed }),
        namespaces: namespaces.map((namespace) => namespace.name),
      })),
      policies: status.counts.policies,
    };
  } catch (error) {
    const summary = { name: node, ready: false, version: '', silent: errorMessage(error) };
    return { summary, cluster: '', endpoints: [], services: [], tenants: [], policies: 0 };
  }
}
