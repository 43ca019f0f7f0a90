import type { ObjectRow } from './object-row.ts';

export const TENANT_WORLDS = ['Closed', 'Open'] as const;
export const TENANT_NODES = ['ProbesOnly', 'Open'] as const;

/** What a tenant's boundary says of those who are no pods. */
export type TenantBoundary = {
  /** Outside of the cluster, in both directions. */
  readonly world: (typeof TENANT_WORLDS)[number];
  /** `ProbesOnly`: its pods open nothing to nodes, and a node opens to its own pods only. */
  readonly nodes: (typeof TENANT_NODES)[number];
};

/** Which namespaces a tenant says are its own: those of these names, and all whose names begin so. */
export type TenantClaims = { readonly names: readonly string[]; readonly prefix: string | undefined };

/** What is kept of a Tenant. */
export type TenantRow = ObjectRow & {
  /** Undefined: it cannot be said what it claims. */
  readonly claims: TenantClaims | undefined;
  readonly boundary: TenantBoundary;
  /** Why its namespaces are closed: it is being deleted, or says something that is not understood. */
  readonly closed: string | undefined;
};
