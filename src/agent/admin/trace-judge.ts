import type { TraceRequest, TraceView } from '../../api/index.ts';
import { type Direction, formatRule, type PolicyKey, policyKey, type RuleOrigin } from '../../model/index.ts';
import { PROTOCOL_NUMBERS } from '../../net/index.ts';
import { type InForceAnswer, judgeInForce } from '../../plane/index.ts';
import { explain, type NearestMiss, partyOf } from '../../policy/index.ts';
import { askFloor } from '../../tenant/index.ts';
import type { Proposal } from './proposal.ts';
import { dropStep } from './trace-destination.ts';
import type { End, TraceContext } from './trace-ends.ts';
import { asSeen, hasRoute, notReady } from './trace-path.ts';

type Step = TraceView['steps'][number];

/** ICMP echo request: type 8, code 0. */
const ECHO_REQUEST = 8 << 8;

export type Asked = {
  readonly protocol: TraceRequest['protocol'];
  readonly port: number | undefined;
  /** Undefined: what is in force decides, else what policies say with this. */
  readonly proposal: Proposal | undefined;
};

/** What one end says. `by`: the policies that decided, none where a default did. */
export type Judged = { readonly step: Step; readonly by: readonly PolicyKey[] };

/** What tenants and policies say to a new connection, in the order of the packet's path; the first denial ends it. */
export function judge(
  opener: End,
  responder: End,
  { protocol, port, proposal }: Asked,
  context: TraceContext,
): Judged[] {
  const [from, to] = [asSeen(opener, responder, context), asSeen(responder, opener, context)];
  const closed = notReady(from, to, context);
  if (closed !== undefined) return [nobodys(dropStep('egress', closed))];
  const floor = floorStep(from, to, { protocol, port }, context);
  if (floor !== undefined) return [nobodys(floor)];
  const steps: Judged[] = [];
  for (const direction of ['egress', 'ingress'] as const) {
    // Asked by the datapath after the sender's policies.
    if (direction === 'ingress' && !hasRoute(from, to, context))
      return [...steps, nobodys(dropStep('egress', 'no-route'))];
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
    steps.push({ step: stepOf(direction, answer), by: decidedBy(answer) });
    if (answer.verdict === 'deny') break;
  }
  return steps;
}

const nobodys = (step: Step): Judged => ({ step, by: [] });

/** A label that no policy selects by may be missing from an identity; a proposed one may select by it. */
function withAllLabels({ identity, workload }: End): End['identity'] {
  return identity.kind === 'pod' && workload !== undefined ? { ...identity, workload } : identity;
}

/** What the tenants of both ends forbid, whatever policies say. */
function floorStep(
  from: End,
  to: End,
  { protocol, port }: Pick<Asked, 'protocol' | 'port'>,
  { floor, shares }: TraceContext,
): Step | undefined {
  const [opener, responder] = [from.identity, to.identity];
  const isShared = (): boolean =>
    protocol !== 'ICMP' &&
    port !== undefined &&
    shares.has({ opener: opener.id, responder: responder.id, protocol, port });
  const { addr } = from.identity.kind === 'pod' ? to : from;
  const refusal = askFloor({ opener, responder, addr, isShared }, floor.membership);
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

function decidedBy({ reason }: InForceAnswer): PolicyKey[] {
  if (reason.kind === 'rule') return [policyKey(reason.origin)];
  return reason.kind === 'isolated' ? [...new Set(reason.by.map(policyKey))] : [];
}

const word = (verdict: 'allow' | 'deny'): Step['verdict'] => (verdict === 'allow' ? 'allowed' : 'denied');

function missOf({ origin, failed }: NearestMiss): { policy: string; rule: string; because: string } {
  const because = failed.map(({ condition, expected, found }) => `${condition} is ${found}, expected ${expected}`);
  return { ...originFields(origin), because: because.join('; ') };
}

function originFields(origin: RuleOrigin): { policy: string; rule: string } {
  return { policy: policyKey(origin), rule: formatRule(origin) ?? '' };
}
