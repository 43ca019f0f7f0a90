import type { MapSizes } from './map-set.ts';

/**
 * Entries of maps that live as long as one question about programs: whoever loads copies of them beside the node's own must
 * leave nothing behind, and pay for no conntrack of a million.
 */
export const SCRATCH_SIZES: MapSizes = {
  endpoints: 16,
  ipcache: 16,
  policy: 16,
  policy_peers: 16,
  policy_revisions: 16,
  conntrack: 64,
  snat: 64,
  fragments: 64,
  drops: 64,
  event_accounts: 32,
  netns_endpoints: 16,
  services: 16,
  service_slots: 16,
  backends: 16,
  affinity: 64,
  affinity_usage: 64,
  sock_origins: 64,
  sock_accounts: 16,
  translations: 64,
  events: 4096,
};
