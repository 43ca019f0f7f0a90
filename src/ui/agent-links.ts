import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ApiClient, apiClient } from '../api/client.ts';
import { type Lifecycle, type Service, Signal, systemClock } from '../base/index.ts';

/** An agent, by the name of its node. */
export type AgentLink = { readonly node: string; readonly client: ApiClient };

/** Where agents are; `changed` says that some came or went. */
export type AgentList = { readonly all: readonly AgentLink[]; readonly changed: Signal };

const LOOK_EVERY_MS = 2_000;

/** The agents of this machine's sandbox: those that have a socket, and whose node is one of the sandbox's. */
export class AgentLinks implements AgentList, Service {
  readonly changed = new Signal();
  readonly #agentsDir: string;
  readonly #sandboxDir: string;
  readonly #links = new Map<string, AgentLink>();

  constructor({ agentsDir, sandboxDir }: { readonly agentsDir: string; readonly sandboxDir: string }) {
    this.#agentsDir = agentsDir;
    this.#sandboxDir = sandboxDir;
  }

  get all(): readonly AgentLink[] {
    return [...this.#links.values()];
  }

  async start(lifecycle: Lifecycle): Promise<void> {
    await this.look();
    lifecycle.spawn('agents of the sandbox', async (signal) => {
      while (!signal.aborted) {
        await systemClock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
        await this.look();
      }
    });
  }

  async look(): Promise<void> {
    const folders = await readdir(this.#agentsDir).catch(() => []);
    const found = await Promise.all(
      folders.map(async (node) => {
        const socket = await stat(join(this.#agentsDir, node, 'admin.sock')).catch(() => undefined);
        const own = await stat(join(this.#sandboxDir, node)).catch(() => undefined);
        return socket?.isSocket() === true && own?.isDirectory() === true ? [node] : [];
      }),
    );
    const now = new Set(found.flat());
    const before = [...this.#links.keys()];
    for (const node of before) if (!now.has(node)) this.#links.delete(node);
    for (const node of now) {
      if (this.#links.has(node)) continue;
      this.#links.set(node, { node, client: apiClient({ socketPath: join(this.#agentsDir, node, 'admin.sock') }) });
    }
    if (before.join(' ') !== [...this.#links.keys()].join(' ')) this.changed.emit();
  }
}
