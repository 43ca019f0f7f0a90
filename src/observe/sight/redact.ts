import {
  type Flow,
  type FlowDenial,
  type FlowEnd,
  type FlowRules,
  type FlowShadow,
  HIDDEN_PEER,
  type PeerSight,
  RESERVED_NAME,
} from '../../model/index.ts';
import type { Sight } from './sight.ts';

/** Number of an end that is not told: no identity has it, and clients pass over flows whose identity is 0. */
export const HIDDEN_IDENTITY = 0xffff_ffff;
export const HIDDEN_LABEL = 'reserved:hidden';
/** Of such an end whose tenant is told; its name follows. */
export const TENANT_LABEL = 'reserved:tenant-';

/** A range is told apart from the world because some policy names it: whose, is not told. */
const CIDR = 'cidr:';
const NAMESPACE_LABEL = 'k8s:io.kubernetes.pod.namespace=';

/** How much of one end somebody may see: all that concerns it, who it is, or nothing. */
type Shown = 'flows' | 'name' | 'hidden';

/**
 * A flow as somebody may see it, or nothing. Each end is judged for itself: a flow is seen by who may see the flows of a pod
 * at one end, and of an end that he may not see nothing is left but the port that was opened there. The verdict always stays.
 * What is made is made of what is known to be his: a field that is new is not in it before somebody has decided so here.
 */
export function redact(sight: Sight, flow: Flow): Flow | undefined {
  const { source, destination } = flow;
  if (sight.all) return flow;
  const own = { source: shown(sight, source), destination: shown(sight, destination) };
  if (own.source !== 'flows' && own.destination !== 'flows') return undefined;
  const seen = seenOf(sight, own, flow);
  const ends = { source: withPeer(own.source, seen), destination: withPeer(own.destination, seen) };
  const label = seen.peers === 'TenantName' ? `${TENANT_LABEL}${seen.tenant}` : HIDDEN_LABEL;
  // Whoever opened is subject to egress, also of what comes back.
  const [opener, other] = flow.isReply ? [ends.destination, ends.source] : [ends.source, ends.destination];
  const denial = flow.denial && redactDenial(flow.denial, opener, other);
  const shadow = flow.shadow && redactShadow(flow.shadow, opener, other);
  return {
    time: flow.time,
    node: flow.node,
    type: flow.type,
    verdict: flow.verdict,
    ...(flow.dropReason === undefined ? {} : { dropReason: flow.dropReason }),
    direction: flow.direction,
    source: redactEnd(source, ends.source, { isTarget: flow.isReply, label }),
    destination: redactEnd(destination, ends.destination, { isTarget: !flow.isReply, label }),
    protocol: flow.protocol,
    tcpFlags: [...flow.tcpFlags],
    rules: redactRules(flow.rules, opener, other),
    ...(denial === undefined ? {} : { denial }),
    ...(shadow === undefined ? {} : { shadow }),
    isReply: flow.isReply,
    length: flow.length,
    ifindex: ends.source === 'flows' && ends.destination === 'flows' ? flow.ifindex : 0,
    hook: flow.hook,
  };
}

/** Namespaces of which somebody must be allowed to see flows or names before it can be said what of this one he sees. */
export function namespacesIn({ source, destination }: Pick<Flow, 'source' | 'destination'>): readonly string[] {
  return [...placesOf(source), ...placesOf(destination)];
}

function shown(sight: Sight, end: FlowEnd): Shown {
  const places = placesOf(end);
  if (places.length === 0) return isOutside(end) ? 'name' : 'hidden';
  if (places.every((place) => sight.flows(place))) return 'flows';
  return places.every((place) => sight.names(place)) ? 'name' : 'hidden';
}

type Ends = Readonly<Record<'source' | 'destination', Shown>>;

/** What is seen of the end that is hidden by who sees the flows of the other. */
function seenOf(sight: Sight, own: Ends, { source, destination }: Flow): PeerSight {
  if (own.source === 'hidden') return peerSight(sight, destination, source);
  return own.destination === 'hidden' ? peerSight(sight, source, destination) : HIDDEN_PEER;
}

/** Where it is certain of which one namespace each of both is. */
function peerSight(sight: Sight, own: FlowEnd, other: FlowEnd): PeerSight {
  const [mine, theirs] = [placesOf(own), placesOf(other)];
  const [from] = mine;
  const [to] = theirs;
  if (from === undefined || to === undefined || mine.length + theirs.length > 2) return HIDDEN_PEER;
  return sight.peers(from, to);
}

const withPeer = (shown: Shown, { peers }: PeerSight): Shown =>
  shown === 'hidden' && peers === 'Full' ? 'name' : shown;

/** By its name, and by its labels where nobody knows the name any more: one namespace, or two if they disagree. */
function placesOf({ namespace, labels }: FlowEnd): readonly string[] {
  const labelled = labelledPlace(labels);
  if (namespace === undefined) return labelled === undefined ? [] : [labelled];
  return labelled === undefined || labelled === namespace ? [namespace] : [namespace, labelled];
}

/** Labels of an identity are the same list in every flow. */
const labelledPlaces = new WeakMap<readonly string[], string | undefined>();

function labelledPlace(labels: readonly string[]): string | undefined {
  if (labelledPlaces.has(labels)) return labelledPlaces.get(labels);
  const place = labels.find((label) => label.startsWith(NAMESPACE_LABEL))?.slice(NAMESPACE_LABEL.length);
  labelledPlaces.set(labels, place);
  return place;
}

/** What is certainly nobody's pod. An address among those of pods whose owner is not known may be anybody's. */
const OUTSIDE: ReadonlySet<string> = new Set(
  [
    'host',
    'world',
    'world-ipv4',
    'world-ipv6',
    'remote-node',
    'kube-apiserver',
    'health',
    'ingress',
    'service-range',
  ].map((name) => `reserved:${name}`),
);

function isOutside({ labels, pod }: FlowEnd): boolean {
  if (pod !== undefined || labels.length === 0) return false;
  return labels.every((label) => OUTSIDE.has(label) || label.startsWith(CIDR));
}

/** `isTarget`: the end to which the connection was opened, whose port the other end chose. `label`: all that is said of who is hidden. */
function redactEnd(
  end: FlowEnd,
  shown: Shown,
  { isTarget, label }: { readonly isTarget: boolean; readonly label: string },
): FlowEnd {
  const port = end.port === undefined ? {} : { port: end.port };
  if (shown === 'hidden') return { addr: '', ...(isTarget ? port : {}), identity: HIDDEN_IDENTITY, labels: [label] };
  const isRange = end.labels.some((label) => label.startsWith(CIDR));
  return {
    addr: end.addr,
    ...port,
    identity: isRange ? RESERVED_NAME.world : end.identity,
    labels: end.labels.filter((label) => !label.startsWith(CIDR)),
    ...(end.namespace === undefined ? {} : { namespace: end.namespace }),
    ...(end.pod === undefined ? {} : { pod: end.pod }),
    ...(end.endpoint === undefined || shown !== 'flows' ? {} : { endpoint: end.endpoint }),
  };
}

function redactRules(rules: FlowRules, opener: Shown, other: Shown): FlowRules {
  return {
    ...(rules.egress === undefined || opener !== 'flows' ? {} : { egress: rules.egress }),
    ...(rules.ingress === undefined || other !== 'flows' ? {} : { ingress: rules.ingress }),
  };
}

const WHY: Readonly<Record<FlowDenial['by'], string>> = {
  policies: 'no rule of the policies that select it allows this',
  enforcement: 'no policy allows this, and what none allows is denied',
  rule: 'a rule denies this',
  closed: 'what its policies say is not in force',
  changed: 'what is in force by now would let it pass',
};

/** What is said of why is said of the pod whose policies decided; what came near says what the peer is not. */
function redactDenial(denial: FlowDenial, opener: Shown, other: Shown): FlowDenial | undefined {
  const { direction, by, policies, reason, judged, nearestMiss } = denial;
  const [subject, peer] = direction === 'egress' ? [opener, other] : [other, opener];
  if (subject !== 'flows') return undefined;
  const then = judged === undefined ? {} : { judged };
  if (peer === 'hidden') return { direction, by, policies: [...policies], reason: WHY[by], ...then };
  const miss = nearestMiss && {
    policy: nearestMiss.policy,
    rule: nearestMiss.rule,
    wants: nearestMiss.wants,
    because: nearestMiss.because,
  };
  return {
    direction,
    by,
    policies: [...policies],
    reason,
    ...then,
    ...(miss === undefined ? {} : { nearestMiss: miss }),
  };
}

/**
 * What policies of his would do, who may see the flows of the pod that they are about. That it would pass says what the other
 * end's policies say, too: it is told with the other end. What Tenants would do is the cluster's.
 */
function redactShadow(
  { change, by, reason, text, policies }: FlowShadow,
  opener: Shown,
  other: Shown,
): FlowShadow | undefined {
  const [subject, peer] = reason === 'policy-egress' ? [opener, other] : [other, opener];
  if (by !== 'policy' || policies === undefined || subject !== 'flows') return undefined;
  if (change === 'would-allow' && peer === 'hidden') return undefined;
  return { change, by, reason, text, policies: [...policies] };
}
