import type { Config } from '../gen/config.ts';
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

/** `isNeeded`: by a configuration; a map that it has no use for is never made. */
type MapUse = { readonly kind: MapKind; readonly isNeeded: (config: Config) => boolean };

const always = (): boolean => true;
const policy = ({ enablePolicy }: Config): boolean => enablePolicy;
const services = ({ enableServices }: Config): boolean => enableServices;
const events = ({ enableEvents }: Config): boolean => enableEvents;
const stack = ({ enableStack }: Config): boolean => enableStack;
const fragments = ({ enableFragments }: Config): boolean => enableFragments;
const translation = ({ enableMasquerade, enableServices }: Config): boolean => enableMasquerade || enableServices;

const USES: Readonly<Record<MapName, MapUse>> = {
  affinity: { kind: 'apart', isNeeded: services },
  affinity_usage: { kind: 'apart', isNeeded: services },
  backends: { kind: 'desired', isNeeded: services },
  closed_connections: { kind: 'connections', isNeeded: always },
  conntrack: { kind: 'connections', isNeeded: always },
  counters: { kind: 'apart', isNeeded: always },
  ct_usage: { kind: 'connections', isNeeded: always },
  drops: { kind: 'apart', isNeeded: always },
  endpoint_words: { kind: 'desired', isNeeded: always },
  endpoints: { kind: 'desired', isNeeded: always },
  event_accounts: { kind: 'apart', isNeeded: events },
  event_state: { kind: 'apart', isNeeded: events },
  events: { kind: 'apart', isNeeded: events },
  fragments: { kind: 'apart', isNeeded: fragments },
  ipcache: { kind: 'desired', isNeeded: always },
  judges: { kind: 'programs', isNeeded: always },
  netns_endpoints: { kind: 'apart', isNeeded: services },
  passages: { kind: 'apart', isNeeded: stack },
  pod_devices: { kind: 'apart', isNeeded: stack },
  policy: { kind: 'desired', isNeeded: policy },
  policy_peers: { kind: 'desired', isNeeded: policy },
  policy_revisions: { kind: 'desired', isNeeded: policy },
  service_slots: { kind: 'desired', isNeeded: services },
  services: { kind: 'desired', isNeeded: services },
  snat: { kind: 'connections', isNeeded: translation },
  sock_accounts: { kind: 'apart', isNeeded: services },
  sock_origins: { kind: 'apart', isNeeded: services },
  tenant_accounts: { kind: 'desired', isNeeded: always },
  tenant_shares: { kind: 'desired', isNeeded: always },
  tenant_world: { kind: 'desired', isNeeded: always },
  tenants: { kind: 'desired', isNeeded: always },
  translations: { kind: 'apart', isNeeded: services },
  world_openings: { kind: 'connections', isNeeded: always },
};

export function mapKind(name: MapName): MapKind {
  return USES[name].kind;
}

export function mapIsNeeded(name: MapName, config: Config): boolean {
  return USES[name].isNeeded(config);
}

/**
 * What everything that a program lets pass goes through, of pods and of services. Never shared between two generations of
 * maps, so that programs that stay behind on the former one can be closed without closing the others.
 */
export const GATES = ['endpoint_words', 'services'] as const satisfies readonly MapName[];
export type Gate = (typeof GATES)[number];
