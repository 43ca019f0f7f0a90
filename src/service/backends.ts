import { nameParts, namespacedName } from '../base/index.ts';
import type { Backend, ServicePort, ServiceProtocol, ServiceSpec, SliceEndpoint, SliceSpec } from '../model/index.ts';
import type { Addr } from '../net/index.ts';
import type { ServiceContext } from './context.ts';
import type { Problems } from './problems.ts';
import { ipv4Of, specialKind } from './special-addresses.ts';

/** An endpoint of a service port that passed the checks. */
export type Candidate = { readonly addr: Addr; readonly port: number; readonly endpoint: SliceEndpoint };

/** The API server's own service: its endpoints are addresses of nodes, and only it writes them. */
const API_SERVER = 'default/kubernetes';

/**
 * Every endpoint of the slices that is fit to be sent traffic, by address. Refused with a problem: special addresses and
 * a node's address that no pod of the slice's namespace shares (CVE-2021-25737).
 */
export function fitEndpoints(
  service: ServiceSpec,
  slice: SliceSpec,
  context: ServiceContext,
  problems: Problems,
): (readonly [Addr, SliceEndpoint])[] {
  return slice.endpoints.flatMap((endpoint) => {
    const addr = ipv4Of(endpoint.address);
    const refuse = (why: string): [] => {
      problems.add('EndpointRefused', `endpoint ${endpoint.address.slice(0, 64)} of slice ${slice.name} ${why}`);
      return [];
    };
    if (addr === undefined) return refuse('is not an IPv4 address');
    const special = specialKind(addr);
    if (special !== undefined) return refuse(`is ${special} address`);
    const isOwn = endpoint.pod !== '' && nameParts(endpoint.pod).namespace === slice.namespace;
    if (namespacedName(service) !== API_SERVER && context.isNodeAddress(addr)) {
      const isHostPod = isOwn && context.isHostPod(endpoint.pod, addr);
      if (!isHostPod)
        return refuse(`is the address of a node, and of no pod of ${slice.namespace} in its host network`);
    }
    if (endpoint.pod !== '' && !isOwn) {
      problems.add(
        'EndpointOfOtherNamespace',
        `endpoint ${addr} of slice ${slice.name} is pod ${endpoint.pod}: clients reach it only where policies let them`,
      );
    }
    return [[addr, endpoint] as const];
  });
}

export type FitSlice = {
  /** Numbers by name and protocol. */
  readonly ports: ReadonlyMap<string, readonly number[]>;
  readonly endpoints: (readonly [Addr, SliceEndpoint])[];
};

/** By name and protocol, since an object of anybody's may have thousands of ports. */
export function portNumbers({ ports }: SliceSpec): Map<string, number[]> {
  const numbers = new Map<string, number[]>();
  for (const { name, protocol, port } of ports) {
    if (port < 1 || port > 65_535) continue;
    const key = `${name} ${protocol}`;
    const known = numbers.get(key);
    if (known === undefined) numbers.set(key, [port]);
    else if (!known.includes(port)) known.push(port);
  }
  return numbers;
}

/** How many candidates a port has at most. */
export function candidateCount({ name, protocol }: ServicePort, slices: readonly FitSlice[]): number {
  let count = 0;
  for (const { ports, endpoints } of slices)
    count += (ports.get(`${name} ${protocol}`)?.length ?? 0) * endpoints.length;
  return count;
}

/**
 * Who could serve one port; an address in several slices counts once, as the best that is said of it. `among`: those of
 * these places (`address:port`) only.
 */
export function candidatesOf(
  { name, protocol }: ServicePort,
  slices: readonly FitSlice[],
  among?: ReadonlySet<string>,
): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { ports, endpoints } of slices) {
    for (const number of ports.get(`${name} ${protocol}`) ?? []) {
      for (const [addr, endpoint] of endpoints) {
        const key = `${addr}:${number}`;
        if (among?.has(key) === false) continue;
        const known = found.get(key);
        if (known === undefined || rank(endpoint) > rank(known.endpoint)) {
          found.set(key, { addr, port: number, endpoint });
        }
      }
    }
  }
  return [...found.values()];
}

function rank({ ready, serving, terminating }: SliceEndpoint): number {
  return ready ? 2 : serving && terminating ? 1 : 0;
}

/** The ready ones; where there are none, those that still serve on their way out (KEP-1669). */
export function usable(candidates: readonly Candidate[]): Candidate[] {
  const ready = candidates.filter(({ endpoint }) => endpoint.ready);
  if (ready.length > 0) return ready;
  return candidates.filter(({ endpoint }) => endpoint.serving && endpoint.terminating);
}

/**
 * Those that nobody new is sent to, but that may finish what they have. A connection outlives a failing readiness probe,
 * so it ends with the endpoint; datagrams go elsewhere as soon as their receiver does not serve.
 */
export function draining(
  candidates: readonly Candidate[],
  used: readonly Candidate[],
  protocol: ServiceProtocol,
): Candidate[] {
  const busy = new Set(used);
  return candidates.filter(
    (one) => !busy.has(one) && (protocol !== 'UDP' || (one.endpoint.serving && one.endpoint.terminating)),
  );
}

/**
 * Those hinted for this node, else for its zone (KEP-2433, KEP-3015). Hints count only when every one has some and this
 * place would have anybody: otherwise a half-updated slice would concentrate traffic.
 */
export function hinted(
  candidates: readonly Candidate[],
  { nodeName, zone }: Pick<ServiceContext, 'nodeName' | 'zone'>,
): readonly Candidate[] {
  const meant = (hints: 'nodes' | 'zones', place: string): readonly Candidate[] => {
    if (place === '' || candidates.some(({ endpoint }) => endpoint[hints].length === 0)) return [];
    return candidates.filter(({ endpoint }) => endpoint[hints].includes(place));
  };
  const here = meant('nodes', nodeName);
  if (here.length > 0) return here;
  const near = meant('zones', zone);
  return near.length > 0 ? near : candidates;
}

const NOBODY: readonly Backend[] = [];

const stateOf = ({ ready, terminating }: SliceEndpoint): Backend['state'] =>
  ready ? 'ready' : terminating ? 'draining' : 'not-ready';

/** In an order that does not depend on the slices', so that equal sets are equal lists. */
export function backendsOf(candidates: readonly Candidate[], port: ServicePort, nodeName: string): readonly Backend[] {
  if (candidates.length === 0) return NOBODY;
  const backends = candidates.map(
    ({ addr, port: number, endpoint }): Backend => ({
      addr,
      port: number,
      protocol: port.protocol,
      state: stateOf(endpoint),
      pod: endpoint.pod,
      local: endpoint.nodeName === nodeName,
    }),
  );
  return backends.sort((a, b) => (a.addr < b.addr ? -1 : a.addr > b.addr ? 1 : a.port - b.port));
}
