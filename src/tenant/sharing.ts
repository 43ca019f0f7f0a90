import { type NamespacedName, nameParts, namespacedName } from '../base/index.ts';
import type {
  IdentityId,
  PodIdentity,
  ServicePort,
  ServiceSpec,
  TenantExport,
  TenantImport,
  TenantRow,
} from '../model/index.ts';
import type { Membership, TenancySettings } from './membership.ts';

/** These pods may open to this port of those: both tenants say so. */
export type Share = {
  readonly opener: IdentityId;
  readonly responder: IdentityId;
  readonly protocol: ServicePort['protocol'];
  /** Of the pod. */
  readonly port: number;
  /** Milliseconds since the epoch, from which it is over; undefined: it has no end. */
  readonly expires: number | undefined;
};

/** A port of somebody. */
export type SharedEnd = Pick<Share, 'responder' | 'protocol' | 'port'>;

export type ShareKey = Omit<Share, 'expires'>;

export const shareKey = ({ opener, responder, protocol, port }: ShareKey): string =>
  `${opener}>${responder}:${port}/${protocol}`;

export type SharingWorld = {
  readonly membership: Membership;
  readonly service: (key: NamespacedName) => ServiceSpec | undefined;
  readonly identitiesOf: (namespace: string) => Iterable<PodIdentity>;
  /** Namespaces with identities that are the tenant's. */
  readonly namespacesOf: (tenant: string) => Iterable<string>;
  /** Services of the cluster's own that tenants may use. */
  readonly systemServices: TenancySettings['systemServices'];
  /** Where API servers answer; undefined: it is not known here. */
  readonly apiServers: readonly SharedEnd[] | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/** What a tenant's pods may use of others, and what of it they cannot, and why. */
export type Imported = {
  readonly shares: ReadonlyMap<string, Share>;
  /** Services that it follows from. */
  readonly services: ReadonlySet<NamespacedName>;
  readonly problems: readonly string[];
  /** When the first of them is over, ms since the epoch; Infinity: none has an end. */
  readonly nextEnd: number;
};

/** Rows that the imports of one tenant may have on a node: of those beyond none holds. */
export const MOST_SHARES = 131_072;

const NOTHING: Imported = { shares: new Map(), services: new Set(), problems: [], nextEnd: Infinity };

/**
 * What holds of a tenant's imports: where the other one exports this, to it, and it is not over; the Service is in a
 * namespace of the exporter and selects its pods by label. Pods are those that the Service selects, by their identities:
 * what somebody writes into an EndpointSlice has no part in it. It goes no further than from the one to the other.
 */
export function importedBy(tenant: TenantRow, world: SharingWorld): Imported {
  if (tenant.closed !== undefined) return NOTHING;
  const shares = new Map<string, Share>();
  const services = new Set<NamespacedName>();
  const problems: string[] = [];
  for (const own of tenant.imports) {
    const found = findExport(tenant, own, world.membership);
    if (typeof found === 'string') problems.push(`import ${own.tenant}/${own.export}: ${found}`);
    else {
      services.add(found.service);
      const problem = resolve({ tenant, labels: own.labels, exported: found, exporter: own.tenant }, world, shares);
      if (problem !== undefined) problems.push(`import ${own.tenant}/${own.export}: ${problem}`);
    }
  }
  for (const name of tenant.systemServices) {
    if (name === 'apiserver') {
      const problem = addApiServers(tenant, world, shares);
      if (problem !== undefined) problems.push(`system service ${name}: ${problem}`);
      continue;
    }
    const service = world.systemServices[name];
    const exported = { name, service, ports: undefined, to: [], expires: undefined };
    services.add(service);
    const problem = resolve({ tenant, labels: {}, exported, exporter: undefined }, world, shares);
    if (problem !== undefined) problems.push(`system service ${name}: ${problem}`);
  }
  if (shares.size <= MOST_SHARES) return { shares, services, problems, nextEnd: nextEndOf(shares) };
  const problem = `its imports need ${shares.size} rows, and a tenant may have ${MOST_SHARES}: none holds`;
  return { ...NOTHING, services, problems: [...problems, problem] };
}

/** All its pods, to where API servers say that they answer: on nodes and outside, whatever the boundary says of those. */
function addApiServers(tenant: TenantRow, world: SharingWorld, shares: Map<string, Share>): string | undefined {
  if (world.apiServers?.length === 0) return 'no API server says where it answers';
  for (const own of world.namespacesOf(tenant.name)) {
    for (const { id } of world.identitiesOf(own)) {
      for (const end of world.apiServers ?? []) add(shares, { ...end, opener: id, expires: undefined });
    }
  }
  return undefined;
}

function nextEndOf(shares: ReadonlyMap<string, Share>): number {
  return shares.values().reduce((least, { expires = Infinity }) => Math.min(least, expires), Infinity);
}

function findExport({ name }: TenantRow, own: TenantImport, membership: Membership): TenantExport | string {
  const exporter = membership.tenants.get(own.tenant);
  const found = exporter?.exports.find((one) => one.name === own.export);
  // The same words for what there is not and what is not for it: it is nobody else's to know.
  if (exporter === undefined || exporter.closed !== undefined || found === undefined || !found.to.includes(name)) {
    return `tenant ${own.tenant} exports nothing of this name to ${name}`;
  }
  return found;
}

type Wanted = {
  readonly tenant: TenantRow;
  readonly labels: Readonly<Record<string, string>>;
  readonly exported: TenantExport;
  /** Undefined: the system. */
  readonly exporter: string | undefined;
};

/** Adds to `shares`; returns what is wrong. */
function resolve(wanted: Wanted, world: SharingWorld, shares: Map<string, Share>): string | undefined {
  const { tenant, labels } = wanted;
  const served = servedBy(wanted, world);
  if (typeof served === 'string') return served;
  const { namespace, selector, ports, expires } = served;
  const responders = Array.from(world.identitiesOf(namespace)).filter((identity) => hasLabels(identity, selector));
  for (const own of world.namespacesOf(tenant.name)) {
    for (const opener of world.identitiesOf(own)) {
      if (!hasLabels(opener, labels)) continue;
      for (const responder of responders) {
        for (const { protocol, target } of ports) {
          const port = numberOf(responder, target, protocol);
          if (port !== undefined) add(shares, { opener: opener.id, responder: responder.id, protocol, port, expires });
        }
      }
    }
  }
  return undefined;
}

/** Which pods at which ports an export is. */
export type Served = {
  readonly namespace: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly Target[];
  readonly expires: number | undefined;
};
type ServedWorld = Pick<SharingWorld, 'membership' | 'service' | 'now'>;

/** What an import is of; a text: why it is of nothing. */
export function importOf(tenant: TenantRow, own: TenantImport, world: ServedWorld): Served | string {
  const exported = findExport(tenant, own, world.membership);
  return typeof exported === 'string' ? exported : servedBy({ exported, exporter: own.tenant }, world);
}

/** A Service of the cluster's own, that tenants may use; a text: why there is none. */
export function systemServiceOf(service: NamespacedName, world: ServedWorld): Served | string {
  const exported = { name: service, service, ports: undefined, to: [], expires: undefined };
  return servedBy({ exported, exporter: undefined }, world);
}

function servedBy({ exported, exporter }: Pick<Wanted, 'exported' | 'exporter'>, world: ServedWorld): Served | string {
  const { service: key, expires } = exported;
  if (expires !== undefined && expires <= world.now) return `the export ended at ${new Date(expires).toISOString()}`;
  const { namespace } = nameParts(key);
  if (!isIn(namespace, exporter, world.membership)) return `namespace ${namespace} is not the exporter's`;
  const service = world.service(key);
  if (service === undefined) return `there is no Service ${key}`;
  if (service.selector === undefined) return `Service ${key} selects no pods by label`;
  const ports = portsOf(service, exported.ports);
  if (typeof ports === 'string') return ports;
  return { namespace, selector: service.selector, ports, expires };
}

function isIn(namespace: string, exporter: string | undefined, membership: Membership): boolean {
  const owner = membership.of(namespace);
  if (exporter === undefined) return owner.state === 'system';
  return owner.state === 'tenant' && owner.tenant.name === exporter;
}

type Target = { readonly protocol: ServicePort['protocol']; readonly target: number | string };

function portsOf(service: ServiceSpec, wanted: TenantExport['ports']): Target[] | string {
  const { ports } = service;
  const missing = wanted?.find((one) => !ports.some((port) => port.name === one || port.port === one));
  if (missing !== undefined) return `Service ${namespacedName(service)} has no port ${missing}`;
  return ports
    .filter((port) => wanted === undefined || wanted.includes(port.port) || wanted.includes(port.name))
    .map(({ protocol, port, targetPort = port }) => ({ protocol, target: targetPort }));
}

/** A name of a port is part of the identity. */
function numberOf({ workload }: PodIdentity, target: number | string, protocol: string): number | undefined {
  if (typeof target === 'number') return target;
  return workload.namedPorts.find((port) => port.name === target && port.protocol === protocol)?.port;
}

function hasLabels({ workload: { labels } }: PodIdentity, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([key, value]) => labels.get(key) === value);
}

/** Of two the one that ends later. */
function add(shares: Map<string, Share>, share: Share): void {
  const key = shareKey(share);
  const known = shares.get(key);
  const isLonger = known !== undefined && (known.expires ?? Infinity) >= (share.expires ?? Infinity);
  if (!isLonger) shares.set(key, share);
}
