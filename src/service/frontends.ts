import { namespacedName } from '../base/index.ts';
import {
  type Frontend,
  type FrontendKind,
  frontendKey,
  type ServicePort,
  type ServiceProblem,
  type ServiceSpec,
  type SliceSpec,
} from '../model/index.ts';
import { type Addr, parseAddr } from '../net/index.ts';
import {
  backendsOf,
  type Candidate,
  candidateCount,
  candidatesOf,
  draining,
  type FitSlice,
  fitEndpoints,
  hinted,
  portNumbers,
  usable,
} from './backends.ts';
import type { ServiceContext } from './context.ts';
import { type KnownPlaces, knownAddresses, NO_PLACES, portOf } from './keep.ts';
import { Problems } from './problems.ts';
import { ipv4Of, specialKind } from './special-addresses.ts';

export type DesiredService = {
  readonly frontends: readonly Frontend[];
  readonly problems: readonly ServiceProblem[];
  /** It wants more than a Service may have: the frontends are without what was not known before. */
  readonly isTooLarge: boolean;
};

/** The address of a node port: every address of the node. */
export const EVERY_ADDRESS = parseAddr('::');

const NONE: ReadonlySet<string> = new Set();

type Place = { readonly kind: FrontendKind; readonly addr: Addr; readonly port: number };

/**
 * What one service and its slices want of this node, without a look at other services. A few objects of 80 kB can ask for
 * a million backends: what is more than a Service may have is counted and not made, and of such a service only that is
 * left which it had before (`known`).
 */
export function frontendsOf(
  service: ServiceSpec,
  slices: readonly SliceSpec[],
  context: ServiceContext,
  known: () => KnownPlaces = () => NO_PLACES,
): DesiredService {
  if (service.type === 'ExternalName' || service.foreign) return { frontends: [], problems: [], isTooLarge: false };
  const problems = new Problems();
  const addresses = addressesOf(service, context, problems);
  const { fit, hasMany } = boundedBy(service, slices, { addresses, context, known, problems });
  const knownOf = ({ name, protocol }: ServicePort): ReadonlySet<string> | undefined =>
    known().backends.get(portOf({ portName: name, protocol }));
  const wanted = hasMany.frontends ? service.ports.filter((port) => knownOf(port) !== undefined) : service.ports;
  const frontends = wanted.flatMap((port) => {
    if (!isPort(port.port)) {
      problems.add('PortRefused', `port ${port.port} is not within 1 to 65535`);
      return [];
    }
    const places = [
      ...addresses.map((address) => ({ ...address, port: port.port })),
      ...nodePortOf(service, port, context, problems),
    ].filter(
      (place) => !hasMany.frontends || known().frontends.has(frontendKey({ ...place, protocol: port.protocol })),
    );
    if (places.length === 0) return [];
    const served = hasMany.backends ? (knownOf(port) ?? NONE) : undefined;
    const candidates = served?.size === 0 ? [] : candidatesOf(port, fit, served);
    return frontendsOfPort(service, port, places, candidates, context);
  });
  const distinct = new Map<string, Frontend>();
  for (const frontend of frontends) {
    const key = frontendKey(frontend);
    if (!distinct.has(key)) distinct.set(key, frontend);
    else if (distinct.get(key)?.portName !== frontend.portName) {
      problems.add('PortRefused', `${key} is there twice`);
    }
  }
  // A copy is as long as it must be: a list that grew has room for sixteen more.
  return {
    frontends: Array.from(distinct.values()).slice(),
    problems: problems.list(),
    isTooLarge: hasMany.frontends || hasMany.backends,
  };
}

type Bounds = {
  readonly addresses: readonly unknown[];
  readonly context: ServiceContext;
  readonly known: () => KnownPlaces;
  readonly problems: Problems;
};

/** The endpoints that are fit, and of what there are more than a Service may have. */
function boundedBy(
  service: ServiceSpec,
  slices: readonly SliceSpec[],
  { addresses, context, known, problems }: Bounds,
): {
  readonly fit: readonly FitSlice[];
  readonly hasMany: { readonly frontends: boolean; readonly backends: boolean };
} {
  const { most } = context;
  const isServed = addresses.length > 0 || service.ports.some(({ nodePort }) => nodePort !== 0);
  const ofIPv4 = slices.filter(({ addressType }) => addressType === 'IPv4');
  const endpoints = ofIPv4.reduce((sum, slice) => sum + slice.endpoints.length, 0);
  // Looking at each of a million endpoints would hold up everybody.
  const among = isServed && endpoints > most.backends ? knownAddresses(known()) : undefined;
  const fit = ofIPv4.map((slice) => ({
    ports: portNumbers(slice),
    endpoints: fitEndpoints(service, among === undefined ? slice : onlyOf(slice, among), context, problems),
  }));
  const candidates = service.ports.reduce((sum, port) => sum + candidateCount(port, fit), 0);
  const hasMany = {
    frontends: service.ports.length * (addresses.length + 1) > most.frontends && isServed,
    backends: (among !== undefined || candidates > most.backends) && isServed,
  };
  for (const what of ['frontends', 'backends'] as const) {
    if (hasMany[what]) problems.add('ServiceTooLarge', `asks for more than ${most[what]} ${what}`);
  }
  return { fit, hasMany };
}

/** A slice without the endpoints at other addresses. */
function onlyOf(slice: SliceSpec, addresses: ReadonlySet<string>): SliceSpec {
  return { ...slice, endpoints: slice.endpoints.filter(({ address }) => addresses.has(address)) };
}

function frontendsOfPort(
  service: ServiceSpec,
  port: ServicePort,
  places: readonly Place[],
  candidates: readonly Candidate[],
  context: ServiceContext,
): Frontend[] {
  const { nodeName } = context;
  const { internalTrafficPolicy, externalTrafficPolicy } = service;
  const inUse = usable(candidates);
  const everywhere = backendsOf(hinted(inUse, context), port, nodeName);
  const leaving = backendsOf(draining(candidates, inUse, port.protocol), port, nodeName);
  const owner = namespacedName(service);
  const isLocal = ({ endpoint }: Candidate): boolean => endpoint.nodeName === nodeName;
  const wantsLocal = internalTrafficPolicy === 'Local' || externalTrafficPolicy === 'Local';
  const here = wantsLocal ? backendsOf(usable(candidates.filter(isLocal)), port, nodeName) : everywhere;
  return places.map(({ kind, addr, port: number }): Frontend => {
    const isInternal = kind === 'ClusterIP';
    // Inside the cluster an external address is a short way to the service, whatever its policy for the outside.
    const internalLocal = isInternal && internalTrafficPolicy === 'Local';
    const backends = internalLocal ? here : everywhere;
    const externalLocal = !isInternal && externalTrafficPolicy === 'Local';
    return {
      kind,
      addr,
      port: number,
      protocol: port.protocol,
      service: owner,
      portName: port.name,
      affinitySeconds: service.affinitySeconds,
      backends,
      externalBackends: externalLocal ? here : backends,
      draining: leaving,
      internalLocal,
      externalLocal,
    };
  });
}

/** Addresses that answer on the service's own ports. */
function addressesOf(service: ServiceSpec, context: ServiceContext, problems: Problems): Omit<Place, 'port'>[] {
  const clusterIPs = service.clusterIPs.flatMap((text) => {
    const addr = ipv4Of(text);
    if (text === 'None' || addr === undefined) return [];
    const why = specialKind(addr) ?? (context.isNodeAddress(addr) ? "a node's" : undefined);
    if (why === undefined) return [{ kind: 'ClusterIP' as const, addr }];
    problems.add('ClusterIPRefused', `clusterIP ${text} is ${why} address`);
    return [];
  });
  // A headless service has no balanced addresses at all.
  if (service.clusterIPs.length === 0 || service.clusterIPs.includes('None')) return [];
  const external = (kind: FrontendKind, texts: readonly string[], field: string): Omit<Place, 'port'>[] =>
    texts.flatMap((text) => {
      const addr = ipv4Of(text);
      const why = addr === undefined ? 'is not an IPv4 address' : whyRefused(addr, context);
      if (addr !== undefined && why === undefined) return [{ kind, addr }];
      problems.add(`${kind}Refused`, `${field} ${text.slice(0, 64)} ${why}`);
      return [];
    });
  return [
    ...clusterIPs,
    ...balanced(service, external, problems),
    ...external('ExternalIP', service.externalIPs, 'externalIP'),
  ];
}

function balanced(
  service: ServiceSpec,
  external: (kind: FrontendKind, texts: readonly string[], field: string) => Omit<Place, 'port'>[],
  problems: Problems,
): Omit<Place, 'port'>[] {
  if (service.type !== 'LoadBalancer' || service.ingressIPs.length === 0) return [];
  if (service.hasSourceRanges) {
    // To serve everybody where only some may come would be worse than to serve nobody.
    problems.add('SourceRangesUnsupported', 'loadBalancerSourceRanges is not supported: its addresses are not served');
    return [];
  }
  return external('LoadBalancer', service.ingressIPs, 'load balancer address');
}

/** CVE-2020-8554, CVE-2026-32254: whoever may write a Service must not capture an address that is not his. */
function whyRefused(addr: Addr, { addressRanges }: ServiceContext): string | undefined {
  const special = specialKind(addr);
  if (special !== undefined) return `is ${special} address`;
  if (addressRanges.some((range) => range.contains(addr))) return undefined;
  return 'is not within serviceAddressRanges';
}

function nodePortOf(
  service: ServiceSpec,
  { nodePort }: ServicePort,
  { nodePorts }: ServiceContext,
  problems: Problems,
): Place[] {
  if (nodePort === 0 || (service.type !== 'NodePort' && service.type !== 'LoadBalancer')) return [];
  if (nodePort >= nodePorts.min && nodePort <= nodePorts.max) {
    return [{ kind: 'NodePort', addr: EVERY_ADDRESS, port: nodePort }];
  }
  problems.add('NodePortRefused', `node port ${nodePort} is not within ${nodePorts.min} to ${nodePorts.max}`);
  return [];
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}
