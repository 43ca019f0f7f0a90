import type { LabelMap, NamedPort, ReservedName, ServiceSpec, TenantRow } from '../../src/model/index.ts';
import type { Addr } from '../../src/net/index.ts';
import type { TenancySettings } from '../../src/tenant/index.ts';

/** What the floor hangs on, beside the two ends. */
export type FloorSaid = {
  readonly tenants: readonly TenantRow[];
  readonly settings: Pick<TenancySettings, 'unassigned' | 'systemNamespaces' | 'systemServices'>;
  readonly services: readonly ServiceSpec[];
  /** Milliseconds since the epoch. */
  readonly now: number;
};

/** One end of a connection: a pod, or somebody who is none, by the name of his identity. */
export type FloorEnd =
  | { readonly namespace: string; readonly labels: LabelMap; readonly namedPorts: readonly NamedPort[] }
  | { readonly reserved: ReservedName; readonly addr?: Addr };

type Pod = Extract<FloorEnd, { readonly namespace: string }>;

/** `protocol`: as a Service says it; undefined: no Service says such. */
export type FloorPort = { readonly protocol: string | undefined; readonly port: number };

/** `shared`: only since both tenants let it. */
export type FloorAnswer = 'open' | 'shared' | 'refused';

/**
 * docs/TENANTS.md, one sentence after the other: may the one open a connection to the other, as far as tenants say? Shares
 * nothing with what it is compared with.
 */
export function askOracle(said: FloorSaid, from: FloorEnd, to: FloorEnd, at: FloorPort): FloorAnswer {
  if ('reserved' in from && 'reserved' in to) return 'open';
  if ('reserved' in from && from.reserved === 'host') return 'open';
  const [a, b] = [from, to].map((one) => ('namespace' in one ? ownerOf(said, one.namespace) : undefined));
  if (a === 'closed' || b === 'closed') return 'refused';
  if ('namespace' in from && 'namespace' in to) {
    if (typeof a !== 'object' && typeof b !== 'object') {
      return said.settings.unassigned === 'Open' || a === b ? 'open' : 'refused';
    }
    if (a === b) return 'open';
    return typeof a === 'object' && isShared(said, { own: a, opener: from, responder: to }, at) ? 'shared' : 'refused';
  }
  const owner = a ?? b;
  if (typeof owner !== 'object') return 'open';
  const isApiServer = 'reserved' in to && to.reserved === 'kube-apiserver' && at.protocol === 'TCP' && at.port === 6443;
  const answer = askOutside(owner, from, to);
  if (answer === 'never') return 'refused';
  return answer === 'refused' && isApiServer && owner.systemServices.includes('apiserver') ? 'shared' : answer;
}

/** docs/TENANTS.md names them. */
const CREDENTIALS = [
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd20:ce::254',
  'fe80::a9fe:a9fe',
];

function askOutside(
  { boundary: { world, nodes }, world: { cidrs, metadata } }: TenantRow,
  from: FloorEnd,
  to: FloorEnd,
): FloorAnswer | 'never' {
  const end = 'reserved' in from ? from : to;
  const { reserved: other, addr } = 'reserved' in end ? end : { reserved: 'world', addr: undefined };
  if (metadata === 'Never' && CREDENTIALS.some((one) => one === addr)) return 'never';
  if (other === 'world' || other === 'unmanaged') {
    const isListed = world === 'Listed' && addr !== undefined && cidrs.some((cidr) => cidr.contains(addr));
    return world === 'Open' || isListed ? 'open' : 'refused';
  }
  return nodes === 'Open' || ('reserved' in from && world === 'Open') ? 'open' : 'refused';
}

type Owner = TenantRow | 'system' | 'nobody' | 'closed';

function ownerOf({ tenants, settings: { unassigned, systemNamespaces } }: FloorSaid, namespace: string): Owner {
  if (systemNamespaces.includes(namespace)) return 'system';
  const claims = tenants.filter(
    (tenant) =>
      tenant.claims?.names.includes(namespace) === true ||
      (tenant.claims?.prefix !== undefined && namespace.startsWith(tenant.claims.prefix)),
  );
  const staying = claims.filter(({ isLeaving }) => !isLeaving);
  const counting = staying.length > 0 ? staying : claims;
  const [only] = counting;
  if (counting.length > 1) return 'closed';
  if (only !== undefined) return only.closed !== undefined || only.name === 'system' ? 'closed' : only;
  if (tenants.some((tenant) => tenant.claims === undefined)) return 'closed';
  return unassigned === 'Open' ? 'nobody' : 'closed';
}

type Ends = { readonly own: TenantRow; readonly opener: Pod; readonly responder: Pod };

/** Does some pair of halves let it, or a service of the cluster's own? */
function isShared(said: FloorSaid, { own, opener, responder }: Ends, at: FloorPort): boolean {
  const other = ownerOf(said, responder.namespace);
  if (other === 'system') {
    const { systemServices } = said.settings;
    return own.systemServices.some(
      (name) => name === 'dns' && leadsTo(said, systemServices.dns, undefined, responder, at),
    );
  }
  if (typeof other !== 'object') return false;
  return own.imports.some(
    (half) =>
      half.tenant === other.name &&
      Object.entries(half.labels).every(([key, value]) => opener.labels.get(key) === value) &&
      other.exports.some(
        (one) =>
          one.name === half.export &&
          one.to.includes(own.name) &&
          (one.expires === undefined || one.expires > said.now) &&
          leadsTo(said, one.service, one.ports, responder, at),
      ),
  );
}

/** Is it a pod of this Service, by its labels, at the pod's end of one of these ports? A port that it has not spoils all. */
function leadsTo(
  { services }: FloorSaid,
  key: string,
  wanted: readonly (string | number)[] | undefined,
  pod: Pod,
  at: FloorPort,
): boolean {
  const service = services.find(({ namespace, name }) => `${namespace}/${name}` === key);
  if (service?.selector === undefined || service.namespace !== pod.namespace) return false;
  if (!Object.entries(service.selector).every(([label, value]) => pod.labels.get(label) === value)) return false;
  const isOf = (one: string | number, port: ServiceSpec['ports'][number]): boolean =>
    one === port.name || one === port.port;
  if (wanted?.some((one) => !service.ports.some((port) => isOf(one, port))) === true) return false;
  return service.ports
    .filter((port) => wanted === undefined || wanted.some((one) => isOf(one, port)))
    .some(({ protocol, port, targetPort = port }) => {
      const number =
        typeof targetPort === 'number'
          ? targetPort
          : pod.namedPorts.find((named) => named.name === targetPort && named.protocol === protocol)?.port;
      return protocol === at.protocol && number === at.port;
    });
}
