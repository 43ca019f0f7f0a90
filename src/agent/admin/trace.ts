import type { TraceRequest, TraceView } from '../../api/index.ts';
import { nameParts, namespacedName } from '../../base/index.ts';
import type { AddressBook, Intent, PodIdentities } from '../../cluster/index.ts';
import { RESERVED_IDS, reservedIdentity } from '../../identity/index.ts';
import {
  type Direction,
  type DropReason,
  type Frontend,
  formatRule,
  type Identity,
  type IdentityId,
  identityId,
  identityLabels,
  type PolicyEntry,
  policyKey,
  type RuleOrigin,
} from '../../model/index.ts';
import { type Addr, isAddr, PROTOCOL_NUMBERS, parseAddr } from '../../net/index.ts';
import { type DirectionState, type EndpointTable, type PolicyInstaller, shortfall } from '../../plane/index.ts';
import { type Explanation, explain, type NearestMiss, type PolicyRepository, partyOf } from '../../policy/index.ts';
import { agentErrors } from '../errors.ts';
import { backendOf, dropStep, nobodyAt, pretender } from './trace-destination.ts';

export type TraceContext = {
  readonly intent: Intent;
  readonly identities: PodIdentities;
  readonly repository: PolicyRepository;
  readonly book: AddressBook;
  readonly endpoints: EndpointTable;
  readonly installer: PolicyInstaller;
  readonly nodeAddresses: () => readonly Addr[];
  /** Who serves a place (`frontendKey`). */
  readonly serviceAt: (place: string) => Frontend | undefined;
};

type End = { readonly name: string; readonly identity: Identity; readonly addr: Addr | undefined };

/** ICMP echo request: type 8, code 0. */
const ECHO_REQUEST = 8 << 8;

/** What would happen to a new connection, by the same explanation that the datapath's tables are tested against. */
export function trace(request: TraceRequest, context: TraceContext): TraceView {
  const from = resolveEnd(request.from, context);
  const { to, port, drop: dropped } = destination(request, context);
  const drop = pretender(from.identity.id);
  const steps: TraceView['steps'] = [];
  if (drop !== undefined) steps.push(dropStep('ingress', drop));
  else if (dropped !== undefined) steps.push(dropStep('egress', dropped));
  else if (isSame(from, to)) steps.push(WITHIN_THE_POD);
  else steps.push(...judge(from, to, { ...request, port }, context));
  const denied = steps.some((step) => step.verdict === 'denied');
  return {
    verdict: denied ? 'denied' : 'allowed',
    from: endView(from),
    to: endView(to),
    ...(request.port === undefined ? {} : { port: request.port }),
    protocol: request.protocol,
    steps,
  };
}

/** The kernel delivers it within the pod's own network namespace, where nobody judges. */
const WITHIN_THE_POD = {
  direction: 'egress',
  verdict: 'allowed',
  enforced: false,
  reason: 'a pod and itself: the connection never leaves the pod',
} as const;

function isSame(from: End, to: End): boolean {
  return from.identity.kind === 'pod' && from.addr !== undefined && from.addr === to.addr;
}

/** Through a service to its backend; `drop`: to nobody, and so nowhere. */
function destination(
  request: TraceRequest,
  context: TraceContext,
): { readonly to: End; readonly port: number | undefined; readonly drop?: DropReason } {
  const to = resolveEnd(request.to, context);
  const { port } = request;
  const backend = to.addr === undefined ? undefined : backendOf(to.addr, request, context.serviceAt);
  if (typeof backend === 'string') return { to, port, drop: backend };
  if (backend !== undefined) {
    const name = `${request.to}, service ${backend.service} at ${backend.addr}:${backend.port}`;
    return { to: { ...resolveAddr(backend.addr, context), name }, port: backend.port };
  }
  const isOnItsWay = to.addr !== undefined && context.endpoints.ofAddress(to.addr) !== undefined;
  const drop = isOnItsWay ? undefined : nobodyAt(to.identity.id);
  return { to, port, ...(drop === undefined ? {} : { drop }) };
}

/** What policies say to it. */
function judge(
  from: End,
  to: End,
  request: Pick<TraceRequest, 'protocol'> & { readonly port: number | undefined },
  context: TraceContext,
): TraceView['steps'] {
  const steps: TraceView['steps'] = [];
  for (const direction of ['egress', 'ingress'] as const) {
    const subject = direction === 'egress' ? from : to;
    const peer = direction === 'egress' ? to : from;
    if (subject.identity.kind !== 'pod') continue;
    const state = context.installer.get(subject.identity.id)?.states[direction];
    const closed = state === undefined ? undefined : closedStep(direction, state, peer.identity.id);
    if (closed !== undefined) {
      steps.push(closed);
      break;
    }
    const explanation = explain(entriesInForce(subject.identity.id, context), context.repository.settings, {
      subject: subject.identity.workload,
      direction,
      peer: partyOf(peer.identity, peer.addr),
      protocol: PROTOCOL_NUMBERS[request.protocol],
      port: request.protocol === 'ICMP' ? ECHO_REQUEST : (request.port ?? 0),
    });
    const note = state === undefined ? undefined : shortfall(state);
    const step = stepOf(direction, explanation);
    steps.push(note === undefined ? step : { ...step, reason: `${step.reason} (${note})` });
    if (explanation.verdict === 'deny') break;
  }
  return steps;
}

/** Where the direction, or the peer, is closed although the policies may say otherwise. */
function closedStep(
  direction: Direction,
  state: DirectionState,
  peer: IdentityId,
): TraceView['steps'][number] | undefined {
  const closed =
    state.inForce === 'closed' && state.floor !== 'open' && !(state.floor === 'node' && peer === RESERVED_IDS.host);
  if (!closed && !state.missing.has(peer)) return undefined;
  return { direction, verdict: 'denied', enforced: true, reason: `denied, ${shortfall(state) ?? 'closed'}` };
}

/** Policies that were left out isolate and admit nobody. */
function entriesInForce(id: IdentityId, { repository, installer }: TraceContext): PolicyEntry[] {
  const states = installer.get(id)?.states;
  return repository.entriesFor(id).map((entry) => {
    const without = states?.[entry.direction].without.includes(policyKey(entry.origin)) ?? false;
    return without ? { ...entry, peers: [] } : entry;
  });
}

function stepOf(direction: Direction, { verdict, reason, text, nearestMiss }: Explanation): TraceView['steps'][number] {
  return {
    direction,
    verdict: verdict === 'allow' ? 'allowed' : 'denied',
    enforced: reason.kind !== 'not-isolated' && reason.kind !== 'not-enforced',
    ...(reason.kind === 'rule' ? originFields(reason.origin) : {}),
    reason: text,
    ...(nearestMiss === undefined ? {} : { nearestMiss: missOf(nearestMiss) }),
  };
}

function missOf({ origin, failed }: NearestMiss): { policy: string; rule: string; because: string } {
  const because = failed.map(({ condition, expected, found }) => `${condition} is ${found}, expected ${expected}`);
  return { ...originFields(origin), because: because.join('; ') };
}

function originFields(origin: RuleOrigin): { policy: string; rule: string } {
  return { policy: policyKey(origin), rule: formatRule(origin) ?? '' };
}

function endView({ name, identity }: End): TraceView['from'] {
  return { name, identity: identity.id, labels: [...identityLabels(identity)] };
}

/** `namespace/pod`, an address, `identity:ID` or a reserved name. E_AGENT_NOT_FOUND. */
function resolveEnd(text: string, context: TraceContext): End {
  const { intent, identities, repository, endpoints } = context;
  if (isAddr(text)) return resolveAddr(parseAddr(text), context);
  if (text.startsWith('identity:')) {
    const number = Number(text.slice('identity:'.length));
    const identity = Number.isInteger(number) && number > 0 ? known(repository, identityId(number)) : undefined;
    if (identity !== undefined) return { name: text, identity, addr: undefined };
  } else if (text.includes('/')) {
    const identity = identities.get(text);
    const { namespace, name } = nameParts(text);
    const addr = endpoints.ofPod(namespace, name)?.record.addr ?? intent.pods.get(text)?.podIPs.find(isAddr);
    if (identity !== undefined) {
      return { name: text, identity, addr: addr === undefined ? undefined : parseAddr(addr) };
    }
  } else {
    const id = Object.entries(RESERVED_IDS).find(([name]) => name === text && name !== 'unknown')?.[1];
    const identity = id === undefined ? undefined : reservedIdentity(id);
    if (identity !== undefined) return { name: text, identity, addr: undefined };
  }
  const detail = `${JSON.stringify(text.slice(0, 100))} is no pod with an identity, address, identity:ID or reserved name`;
  throw agentErrors.make('E_AGENT_NOT_FOUND', { detail });
}

function resolveAddr(addr: Addr, { book, repository, endpoints, identities, nodeAddresses }: TraceContext): End {
  const local = endpoints.ofAddress(addr);
  const pod = local === undefined ? undefined : identities.get(namespacedName(local.record.pod));
  if (pod !== undefined) return { name: addr, identity: pod, addr };
  const owner = nodeAddresses().includes(addr) ? RESERVED_IDS.host : book.ownerOf(addr)?.identity;
  const id: IdentityId = owner ?? book.rangeOf(addr) ?? repository.cidrs.of(addr)?.id ?? RESERVED_IDS.world;
  const identity = known(repository, id) ?? known(repository, RESERVED_IDS.world);
  if (identity === undefined) throw agentErrors.make('E_AGENT_NOT_FOUND', { detail: `identity ${id} of ${addr}` });
  return { name: addr, identity, addr };
}

function known(repository: PolicyRepository, id: IdentityId): Identity | undefined {
  return repository.identity(id) ?? reservedIdentity(id);
}
