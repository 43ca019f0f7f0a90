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
