import type { NamespacedName } from '../base/index.ts';
import type { Prefix } from '../net/index.ts';
import type { ObjectRow } from './object-row.ts';

export const TENANT_WORLDS = ['Closed', 'Listed', 'Open'] as const;
export const TENANT_METADATA = ['Never', 'Open'] as const;
export const TENANT_NODES = ['ProbesOnly', 'Open'] as const;

/** `Observe`: nothing is refused; what would be is told of. `Warn`: the same, and events say it. */
export const TENANT_MODES = ['Enforce', 'Warn', 'Observe'] as const;
export type TenantMode = (typeof TENANT_MODES)[number];

/** What is seen of the pod at the other end of a flow, from the least to the most. */
export const TENANT_PEERS = ['Hidden', 'TenantName', 'Full'] as const;
export type TenantPeers = (typeof TENANT_PEERS)[number];

/** The same of one pod. */
export type PeerSight =
  | { readonly peers: 'Hidden' | 'Full' }
  /** No more than whose it is. */
  | { readonly peers: 'TenantName'; readonly tenant: string };

export const HIDDEN_PEER: PeerSight = { peers: 'Hidden' };

/** What a tenant's boundary says of those who are no pods. */
export type TenantBoundary = {
  /** Outside of the cluster, in both directions. `Listed`: what `TenantWorld` lists. */
  readonly world: (typeof TENANT_WORLDS)[number];
  /** `ProbesOnly`: its pods open nothing to nodes, and a node opens to its own pods only. */
  readonly nodes: (typeof TENANT_NODES)[number];
};

/** What of the outside a tenant says more of. */
export type TenantWorld = {
  /** Where the boundary says `Listed`: with whom its pods may open connections, and who with them. */
  readonly cidrs: readonly Prefix[];
  /** `Never`: nothing to or from the addresses at which clouds give out a machine's credentials, whoever has them. */
  readonly metadata: (typeof TENANT_METADATA)[number];
};

/** Which namespaces a tenant says are its own: those of these names, and all whose names begin so. */
export type TenantClaims = { readonly names: readonly string[]; readonly prefix: string | undefined };

/** A Service that a tenant lets others in to. */
export type TenantExport = {
  readonly name: string;
  /** `namespace/name`. */
  readonly service: NamespacedName;
  /** Of the Service, by name or number; undefined: all. */
  readonly ports: readonly (string | number)[] | undefined;
  /** Names of tenants. */
  readonly to: readonly string[];
  /** Milliseconds since the epoch, from which it is over; undefined: it has no end. */
  readonly expires: number | undefined;
};

/** What a tenant's pods use of another's exports. */
export type TenantImport = {
  readonly tenant: string;
  readonly export: string;
  /** Only pods with these labels. */
  readonly labels: Readonly<Record<string, string>>;
};

/** What a tenant may have at most; undefined: as much as its pods may. */
export type TenantLimits = {
  /** On each node: connections that its pods have opened. */
  readonly connections: number | undefined;
  /** On each node: as many at once, and then so many in each second. */
  readonly newConnectionsPerSecond: number | undefined;
  /** On each node: connections that leave it under its address. */
  readonly natPorts: number | undefined;
  /** Numbers of identities, in the cluster. */
  readonly identities: number | undefined;
  /** On each node: rows and peers of the policy maps. */
  readonly policyRows: number | undefined;
  /** On each node: events about flows, of each share apart (`event_share`), as many at once, and then so many in each second. */
  readonly flowEventsPerSecond: number | undefined;
};

/** What all namespaces of one tenant may have together of something. */
export type TenantShare = { readonly tenant: string; readonly limit: number };
/** Whose share a namespace's part counts for; undefined: its tenant has no limit. */
export type TenantShareOf = (namespace: string) => TenantShare | undefined;

export const NO_LIMITS: TenantLimits = {
  connections: undefined,
  newConnectionsPerSecond: undefined,
  natPorts: undefined,
  identities: undefined,
  policyRows: undefined,
  flowEventsPerSecond: undefined,
};

export const SYSTEM_SERVICES = ['dns', 'apiserver'] as const;
export type SystemService = (typeof SYSTEM_SERVICES)[number];
/** Those that a Service with a selector stands for; of API servers they themselves say where they answer. */
export type SelectedSystemService = Exclude<SystemService, 'apiserver'>;

/** What is kept of a Tenant. */
export type TenantRow = ObjectRow & {
  /** Another one, greater, with each change of what it says. 0: the server counts none. */
  readonly generation: number;
  /** Undefined: it cannot be said what it claims. */
  readonly claims: TenantClaims | undefined;
  readonly boundary: TenantBoundary;
  readonly world: TenantWorld;
  readonly exports: readonly TenantExport[];
  readonly imports: readonly TenantImport[];
  /** Of the cluster's own, that its pods use. */
  readonly systemServices: readonly SystemService[];
  readonly limits: TenantLimits;
  /** Of pods that they may not see otherwise, at the other end of flows of its pods; and of its pods, what others see so. */
  readonly peers: TenantPeers;
  /** Where it cannot be read: `Enforce`. */
  readonly mode: TenantMode;
  /** Why its namespaces are closed: it is being deleted, or says something that is not understood. */
  readonly closed: string | undefined;
  /** It is being deleted: what somebody else claims is his. */
  readonly isLeaving: boolean;
};
