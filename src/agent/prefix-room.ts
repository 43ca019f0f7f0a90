/** How the rows of the ipcache are shared. */
export type PrefixLimits = {
  /** Prefixes of all policies together, each counted once. */
  readonly total: number;
  /** Of one namespace, counted for each policy: nobody may take the room of all others. */
  readonly ofNamespace: number;
  /** Addresses of pods and nodes elsewhere. */
  readonly addresses: number;
};

const DEFAULT_ROUTES = 2;

/**
 * Prefixes have a share that addresses never take: without its row an `except` would be judged as the block around it.
 * `table`: how many peers a policy table may have. A wide block has each prefix within it as a peer, whoever names that,
 * so all of them together must leave room in every table.
 */
export function prefixLimits({ ipcache, table }: { ipcache: number; table: number }): PrefixLimits {
  const total = Math.min(Math.floor(ipcache / 2), Math.floor((table * 3) / 4));
  const addresses = Math.max(0, ipcache - total - DEFAULT_ROUTES);
  return { total, ofNamespace: Math.max(1, Math.floor(total / 4)), addresses };
}

/** Who has how many. */
export class PrefixRoom {
  readonly #limit: number;
  readonly #byPolicy = new Map<string, { readonly namespace: string; readonly count: number }>();
  readonly #byNamespace = new Map<string, number>();

  constructor({ ofNamespace }: Pick<PrefixLimits, 'ofNamespace'>) {
    this.#limit = ofNamespace;
  }

  /** Replaces what the policy has. False: the namespace has no room for that many, and the policy now has none. */
  take(policy: string, namespace: string, count: number): boolean {
    this.give(policy);
    if (count === 0) return true;
    const used = this.#byNamespace.get(namespace) ?? 0;
    if (used + count > this.#limit) return false;
    this.#byPolicy.set(policy, { namespace, count });
    this.#byNamespace.set(namespace, used + count);
    return true;
  }

  give(policy: string): void {
    const had = this.#byPolicy.get(policy);
    if (had === undefined) return;
    this.#byPolicy.delete(policy);
    const left = (this.#byNamespace.get(had.namespace) ?? 0) - had.count;
    if (left > 0) this.#byNamespace.set(had.namespace, left);
    else this.#byNamespace.delete(had.namespace);
  }

  free(namespace: string): number {
    return this.#limit - (this.#byNamespace.get(namespace) ?? 0);
  }
}
