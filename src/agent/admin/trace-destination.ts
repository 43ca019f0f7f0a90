import type { TraceRequest, TraceView } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import { RESERVED_IDS } from '../../identity/index.ts';
import {
  type Backend,
  DROP_REASON_TEXTS,
  type DropReason,
  type Frontend,
  frontendKey,
  type IdentityId,
  type ServiceSpec,
} from '../../model/index.ts';
import { type Addr, isAddr, parseAddr } from '../../net/index.ts';
import { isForOutside } from '../../service/index.ts';
import { agentErrors } from '../errors.ts';
import {
  type End,
  isOutside,
  namedPort,
  resolveAddr,
  resolveEnd,
  resolveService,
  type TraceContext,
  thisNode,
} from './trace-ends.ts';
import { dropOfAddress, isOwnLoopback } from './trace-special.ts';

type Step = TraceView['steps'][number];

/** What the client asks for, as it names it. */
export type Destination = {
  readonly to: End;
  readonly port: number | undefined;
  /** Its name stands for all of these, of which this is the first. */
  readonly headless?: { readonly name: string; readonly backends: readonly Destination[] };
};

/** Where a connection really goes: through a service to its backends, or straight to whom it names. */
export type Route = {
  /** What comes before anybody is judged. */
  readonly steps: readonly Step[];
  /** Empty: it goes nowhere, and the last step says why. */
  readonly ends: readonly (Destination & { readonly from: End })[];
};

/** With a service's name its address, with a port's name its number. */
export function destinationOf(request: TraceRequest, context: TraceContext): Destination {
  const service = resolveService(request.to, context);
  if (service !== undefined) return servicePlace(service, request, context);
  const to = resolveEnd(request.to, context);
  const { port, protocol } = request;
  if (typeof port !== 'string') return { to, port };
  const number = namedPort(to, port, protocol);
  if (number === undefined) throw unknownPort(request.to, port, protocol);
  return { to, port: number };
}

function servicePlace(service: ServiceSpec, { port, protocol }: TraceRequest, context: TraceContext): Destination {
  const name = `service ${namespacedName(service)}`;
  const addr = service.clusterIPs.find(isAddr);
  if (addr === undefined) return headlessPlace(service, { name, port, protocol }, context);
  const number =
    typeof port === 'string' ? service.ports.find((one) => one.name === port && one.protocol === protocol)?.port : port;
  if (typeof port === 'string' && number === undefined) throw unknownPort(name, port, protocol);
  return { to: { ...resolveAddr(parseAddr(addr), context), name: `${name} at ${addr}` }, port: number };
}

/** What its name is resolved to: its pods, which are asked at the port that the client names. */
function headlessPlace(
  service: ServiceSpec,
  { name, port, protocol }: { readonly name: string } & Pick<TraceRequest, 'port' | 'protocol'>,
  context: TraceContext,
): Destination {
  const slices = Array.from(context.intent.slices.rows.values()).filter(
    (slice) => slice.namespace === service.namespace && slice.service === service.name,
  );
  const backends = slices.flatMap(({ endpoints, ports }) => {
    const own = ports.find((one) => one.name === port && one.protocol === protocol)?.port;
    const number = typeof port === 'string' ? own : port;
    if (typeof port === 'string' && number === undefined) return [];
    return endpoints
      .filter(({ ready, address }) => ready && isAddr(address))
      .map(({ address }) => ({
        to: { ...resolveAddr(parseAddr(address), context), name: `${name} at ${address}` },
        port: number,
      }));
  });
  const [first] = backends;
  if (first === undefined) {
    const detail = `${name} has no address of its own and no pods that are ready${typeof port === 'string' ? ` with a ${protocol} port named ${JSON.stringify(port)}` : ''}`;
    throw agentErrors.make('E_AGENT_NOT_FOUND', { detail });
  }
  return { ...first, headless: { name: namespacedName(service), backends } };
}

function unknownPort(whose: string, name: string, protocol: string): Error {
  return agentErrors.make('E_AGENT_NOT_FOUND', {
    detail: `${whose} has no ${protocol} port named ${JSON.stringify(name)}`,
  });
}

const MOST_NAMED = 3;

/** As the datapath does it: services first, since they are translated before anybody is judged. */
export function routeOf(
  from: End,
  { to, port, headless }: Destination,
  protocol: TraceRequest['protocol'],
  context: TraceContext,
): Route {
  if (headless !== undefined) {
    const ends = headless.backends.map((backend) => ({ from, ...backend }));
    const named = ends.slice(0, MOST_NAMED).map((end) => end.to.addr);
    const more = ends.length > MOST_NAMED ? ` and ${ends.length - MOST_NAMED} more` : '';
    const reason = `service ${headless.name} is headless: its name is resolved to ${named.join(', ')}${more}`;
    return {
      steps: [{ direction: 'egress', verdict: 'allowed', enforced: false, service: headless.name, reason }],
      ends,
    };
  }
  if (from.identity.kind === 'pod' && isOwnLoopback(to.addr)) return { steps: [], ends: [{ from, to: from, port }] };
  const never = dropOfAddress(to.addr);
  if (never !== undefined) return { steps: [dropStep('egress', never)], ends: [] };
  const frontend = frontendOf(from, { to, port }, protocol, context);
  if (frontend !== undefined) return throughService(from, frontend, context);
  const isOnItsWay = to.addr !== undefined && context.endpoints.ofAddress(to.addr) !== undefined;
  const drop = isOnItsWay ? undefined : nobodyAt(to.identity.id);
  return drop === undefined
    ? { steps: [], ends: [{ from, to, port }] }
    : { steps: [dropStep('egress', drop)], ends: [] };
}

/** What answers every address of the node. */
const EVERY_ADDRESS = parseAddr('::');

function frontendOf(
  from: End,
  { to, port }: Destination,
  protocol: TraceRequest['protocol'],
  { serviceAt, nodeAddresses }: TraceContext,
): Frontend | undefined {
  if (to.addr === undefined || port === undefined || protocol === 'ICMP') return undefined;
  const at = (addr: Addr) => serviceAt(frontendKey({ addr, port, protocol }));
  const frontend = at(to.addr) ?? (nodeAddresses().includes(to.addr) ? at(EVERY_ADDRESS) : undefined);
  return frontend !== undefined && isOutside(from) && !isForOutside(frontend) ? undefined : frontend;
}

function throughService(from: End, frontend: Frontend, context: TraceContext): Route {
  const backends = isOutside(from) ? frontend.externalBackends : frontend.backends;
  const step = serviceStep(frontend, backends);
  if (backends.length === 0) return { steps: [step, dropStep('egress', 'no-backend')], ends: [] };
  // A client from outside reaches a backend of another node under this node's address, unless the overlay takes him there.
  const fromHere = (): End => ({ ...thisNode(context), name: `${from.name}, as this node` });
  const ends = backends.map((backend) => ({
    from: isOutside(from) && !backend.local && !isCarried(parseAddr(backend.addr), context) ? fromHere() : from,
    to: {
      ...resolveAddr(parseAddr(backend.addr), context),
      name: `service ${frontend.service} at ${backend.addr}:${backend.port}`,
    },
    port: backend.port,
  }));
  return { steps: [step], ends };
}

function isCarried(addr: Addr, { overlay, book }: TraceContext): boolean {
  const known = book.ownerOf(addr);
  return overlay && known?.tunnel != null && known.owner?.kind === 'pod';
}

function serviceStep({ kind, addr, port, service }: Frontend, backends: readonly Backend[]): Step {
  const place = addr === EVERY_ADDRESS ? `port ${port} of the node` : `${addr}:${port}`;
  const named = backends.slice(0, MOST_NAMED).map((backend) => {
    const pod = backend.pod === '' ? '' : ` (${backend.pod})`;
    return `${backend.addr}:${backend.port}${pod}`;
  });
  const more = backends.length > MOST_NAMED ? ` and ${backends.length - MOST_NAMED} more` : '';
  const goes = backends.length === 0 ? 'has no backends' : `goes to ${named.join(', ')}${more}`;
  return {
    direction: 'egress',
    verdict: backends.length === 0 ? 'denied' : 'allowed',
    enforced: false,
    service,
    reason: `${kind} ${place} of service ${service} ${goes}`,
  };
}

/** Why nothing is sent there, whatever policy says: the address is the cluster's, and nobody has it. */
function nobodyAt(id: IdentityId): DropReason | undefined {
  if (id === RESERVED_IDS['service-range']) return 'service-unknown';
  return id === RESERVED_IDS['pod-range'] ? 'no-endpoint' : undefined;
}

/** Why nobody is believed who comes from there. */
export function pretender(id: IdentityId): DropReason | undefined {
  if (id === RESERVED_IDS['service-range']) return 'spoofed-ip';
  return id === RESERVED_IDS['pod-range'] ? 'unencapsulated' : undefined;
}

export function dropStep(direction: 'ingress' | 'egress', drop: DropReason): Step {
  const reason = `dropped as ${drop}: ${DROP_REASON_TEXTS[drop].text}`;
  return { direction, verdict: 'denied', enforced: false, drop, reason };
}
