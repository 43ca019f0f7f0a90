import type { MapName } from '../gen/layout.ts';

/**
 * What a map holds, which decides what becomes of it when another of the node's maps must be made anew.
 *
 * - `desired`: the agent writes it from what the API says. These name each other (a word names a revision of the policy
 *   tables, a frontend a set of slots), so they are made anew together, and nothing runs on them before all is written.
 * - `connections`: programs write it as connections come and go. They name each other, too; they never stop a start.
 * - `apart`: means the same whatever the others hold.
 * - `programs`: holds programs, which belong to one set of maps.
 */
export type MapKind = 'desired' | 'connections' | 'apart' | 'programs';

export const MAP_KINDS: Readonly<Record<MapName, MapKind>> = {
  affinity: 'apart',
  affinity_usage: 'apart',
  backends: 'desired',
  closed_connections: 'connections',
  conntrack: 'connections',
  counters: 'apart',
  ct_usage: 'connections',
  drops: 'apart',
  endpoint_words: 'desired',
  endpoints: 'desired',
  event_accounts: 'apart',
  event_state: 'apart',
  events: 'apart',
  fragments: 'apart',
  ipcache: 'desired',
  judges: 'programs',
  netns_endpoints: 'apart',
  passages: 'apart',
  pod_devices: 'apart',
  policy: 'desired',
  policy_peers: 'desired',
  policy_revisions: 'desired',
  service_slots: 'desired',
  services: 'desired',
  snat: 'connections',
  sock_accounts: 'apart',
  sock_origins: 'apart',
  tenant_accounts: 'desired',
  tenant_shares: 'desired',
  tenant_world: 'desired',
  tenants: 'desired',
  translations: 'apart',
  world_openings: 'connections',
};

/**
 * What everything that a program lets pass goes through, of pods and of services. Never shared between two generations of
 * maps, so that programs that stay behind on the former one can be closed without closing the others.
 */
export const GATES = ['endpoint_words', 'services'] as const satisfies readonly MapName[];
export type Gate = (typeof GATES)[number];
