import type { TraceRequest, TraceView } from '../../api/index.ts';
import { type Direction, formatRule, identityLabels, policyKey, type RuleOrigin } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import { type InForceAnswer, judgeInForce } from '../../plane/index.ts';
import { explain, type NearestMiss, partyOf } from '../../policy/index.ts';
import { askFloor } from '../../tenant/index.ts';
import { agentErrors } from '../errors.ts';
import { type Proposal, readProposal } from './proposal.ts';
import { destinationOf, dropStep, pretender, type Route, routeOf } from './trace-destination.ts';
import { type End, resolveEnd, type TraceContext } from './trace-ends.ts';
import { asSeen, hasRoute, notReady } from './trace-path.ts';
import { dropOfAddress } from './trace-special.ts';

type Step = TraceView['steps'][number];
type Answer = Pick<TraceView, 'verdict' | 'steps'>;

/** ICMP echo request: type 8, code 0. */
const ECHO_REQUEST = 8 << 8;

/**
 * What would happen to a new connection, by the same explanation that the datapath's tables are tested against; with
 * proposed policies also what would happen if they were in force. Writes nothing.
 */
export function trace(request: TraceRequest, context: TraceContext): TraceView {
  const from = resolveEnd(request.from, context);
  const asked = destinationOf(request, context);
  const drop = pretender(from.identity.id) ?? dropOfAddress(from.addr);
  const route: Route =
    drop === undefined
      ? routeOf(from, asked, request.protocol, context)
      : { steps: [dropStep('ingress', drop)], ends: [] };
  for (const end of route.ends) refuseUnjudged(end.from, end.to);
  const answer = (proposal?: Proposal): Answer => answerOf(route, request.protocol, context, proposal);
  const [first] = route.ends;
  return {
    ...answer(),
    from: endView(from),
    to: endView(route.steps.length > 0 && first !== undefined ? first.to : asked.to),
    ...(asked.port === undefined ? {} : { port: asked.port }),
    protocol: request.protocol,
    ...(request.proposed === undefined ? {} : { proposed: answer(readProposal(request.proposed)) }),
  };
}

/** What passes no pod's device is nobody's to judge. E_AGENT_NOT_JUDGED. */
function refuseUnjudged(from: End, to: End): void {
  if (from.identity.kind === 'pod' || to.identity.kind === 'pod') return;
  throw agentErrors.make('E_AGENT_NOT_JUDGED', { detail: `neither ${from.name} nor ${to.name} is a pod` });
}

/** Any backend may be chosen: what one of them refuses is not allowed. */
function answerOf(
  { steps, ends }: Route,
  protocol: TraceRequest['protocol'],
  context: TraceContext,
  proposal: Proposal | undefined,
): Answer {
  if (ends.length === 0) return { verdict: 'denied', steps: [...steps] };
  const judged = ends.map(({ from, to, port }) =>
    isSame(from, to) ? [WITHIN_THE_POD] : judge(from, to, { protocol, port, proposal }, context),
  );
  const denied = judged.filter((list) => list.some(({ verdict }) => verdict === 'denied'));
  const [shown = []] = denied.length > 0 ? denied : judged;
  const mixed =
    denied.length > 0 && denied.length < ends.length
      ? [{ ...shown.at(-1), reason: `${shown.at(-1)?.reason} (${denied.length} of ${ends.length} backends)` } as Step]
      : shown.slice(-1);
  return {
    verdict: denied.length > 0 ? 'denied' : 'allowed',
    steps: [...steps, ...shown.slice(0, -1), ...mixed],
  };
}

/** The kernel delivers it within the pod's own network namespace, where nobody judges. */
const WITHIN_THE_POD: Step = {
  direction: 'egress',
  verdict: 'allowed',
  enforced: false,
  reason: 'a pod and itself: the connection never leaves the pod',
};

function isSame(from: End, to: End): boolean {
  return from.identity.kind === 'pod' && from.addr !== undefined && from.addr === to.addr;
}

type Asked = {
  readonly protocol: TraceRequest['protocol'];
  readonly port: number | undefined;
  readonly proposal: Proposal | undefined;
};

/** A label that no policy selects by may be missing from an identity; a proposed one may select by it. */
function withAllLabels({ identity, workload }: End): End['identity'] {
  return identity.kind === 'pod' && workload !== undefined ? { ...identity, workload } : identity;
}

/** What policies say to it. */
function judge(opener: End, responder: End, { protocol, port, proposal }: Asked, context: TraceContext): Step[] {
  const [from, to] = [asSeen(opener, responder, context), asSeen(responder, opener, context)];
  const closed = notReady(from, to, context);
  if (closed !== undefined) return [dropStep('egress', closed)];
  const floor = floorStep(from, to, { protocol, port, proposal }, context);
  if (floor !== undefined) return [floor];
  const steps: Step[] = [];
  for (const direction of ['egress', 'ingress'] as const) {
    // Asked by the datapath after the sender's policies.
    if (direction === 'ingress' && !hasRoute(from, to, context)) return [...steps, dropStep('egress', 'no-route')];
    const subject = direction === 'egress' ? from : to;
    const peer = direction === 'egress' ? to : from;
    if (subject.identity.kind !== 'pod') continue;
    const { id, workload } = subject.identity;
    const question = {
      direction,
      protocol: PROTOCOL_NUMBERS[protocol],
      port: protocol === 'ICMP' ? ECHO_REQUEST : (port ?? 0),
    };
    const answer =
      proposal === undefined
        ? judgeInForce({ ...question, subject: subject.identity, peer: peer.identity, peerAddr: peer.addr }, context)
        : // What is proposed is not in any table.
          explain(proposal.over(context.repository.entriesFor(id)), context.repository.settings, {
            ...question,
            subject: subject.workload ?? workload,
            peer: partyOf(withAllLabels(peer), peer.addr),
          });
    steps.push(stepOf(direction, answer));
    if (answer.verdict === 'deny') break;
  }
  return steps;
}

/** What the tenants of both ends forbid, whatever policies say. */
function floorStep(from: End, to: End, { protocol, port }: Asked, { floor, shares }: TraceContext): Step | undefined {
  const [opener, responder] = [from.identity, to.identity];
  const isShared = (): boolean =>
    protocol !== 'ICMP' &&
    port !== undefined &&
    shares.has({ opener: opener.id, responder: responder.id, protocol, port });
  const refusal = askFloor({ opener, responder, isShared }, floor.membership);
  if (refusal === undefined) return undefined;
  const direction = from.identity.kind === 'pod' ? 'egress' : 'ingress';
  const { reason: drop, text: reason } = refusal;
  return { direction, verdict: 'denied', enforced: false, drop, reason: `${reason}; no policy opens it` };
}

function stepOf(direction: Direction, { verdict, reason, text, nearestMiss, pending }: InForceAnswer): Step {
  return {
    direction,
    verdict: word(verdict),
    enforced: reason.kind !== 'not-isolated' && reason.kind !== 'not-enforced',
    ...(reason.kind === 'rule' ? originFields(reason.origin) : {}),
    reason: text,
    ...(nearestMiss === undefined ? {} : { nearestMiss: missOf(nearestMiss) }),
    ...(pending === undefined ? {} : { pending: { verdict: word(pending.verdict), reason: pending.text } }),
  };
}

const word = (verdict: 'allow' | 'deny'): Step['verdict'] => (verdict === 'allow' ? 'allowed' : 'denied');

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
