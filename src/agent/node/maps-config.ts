import { z } from 'zod';
import { MAP_SPECS } from '../../datapath/index.ts';
import { entries } from './config-fields.ts';

/** Sizes of those maps of which a cluster may need more than most do. */
export const mapsSchema = z
  .strictObject({
    policy: entries.default(MAP_SPECS.policy.maxEntries).describe('Rows of all policy tables of the node.'),
    policy_peers: entries
      .default(MAP_SPECS.policy_peers.maxEntries)
      .describe('Peers of all policy tables of the node.'),
    ipcache: entries.default(MAP_SPECS.ipcache.maxEntries).describe('Prefixes with an identity.'),
    endpoints: entries.default(MAP_SPECS.endpoints.maxEntries).describe('Local addresses.'),
    conntrack: entries.default(MAP_SPECS.conntrack.maxEntries).describe('Connections.'),
    snat: entries.default(MAP_SPECS.snat.maxEntries).describe('Masqueraded connections; memory is taken as they come.'),
    fragments: entries.default(MAP_SPECS.fragments.maxEntries).describe('Fragmented datagrams under way.'),
    services: entries.default(MAP_SPECS.services.maxEntries).describe('Frontends: an address and port of a service.'),
    service_slots: entries
      .default(MAP_SPECS.service_slots.maxEntries)
      .describe('Places of backends in the sets of services.'),
    backends: entries.default(MAP_SPECS.backends.maxEntries).describe('Backends of all services.'),
    sock_origins: entries
      .default(MAP_SPECS.sock_origins.maxEntries)
      .describe('Sockets that were turned to a backend; memory is taken as they come.'),
    events: z
      .int()
      .min(4_096)
      .refine((bytes) => (bytes & (bytes - 1)) === 0, 'must be a power of two')
      .default(MAP_SPECS.events.maxEntries)
      .describe('Bytes of the event ring: what is written between two looks, 50 ms apart.'),
  })
  .prefault({});
