import type { TraceRequest, TraceView } from '../../api/index.ts';
import { identityLabels } from '../../model/index.ts';
import { selectsPod } from '../../policy/index.ts';
import { agentErrors } from '../errors.ts';
import { Proposal, readProposal } from './proposal.ts';
import { destinationOf, dropStep, pretender, type Route, routeOf } from './trace-destination.ts';
import { type End, resolveEnd, type TraceContext } from './trace-ends.ts';
import { judge } from './trace-judge.ts';
import { dropOfAddress } from './trace-special.ts';

type Step = TraceView['steps'][number];
type Answer = Pick<TraceView, 'verdict' | 'steps'>;

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
    ...(isStagedFor(route, context) ? { staged: answer(new Proposal(context.policies.staged.policies)) } : {}),
  };
}

/** Some staged policy is about an end, in its direction. */
function isStagedFor({ ends }: Route, { policies }: TraceContext): boolean {
  const entries = [...policies.staged.policies.values()].flat();
  return ends.some(({ from, to }) =>
    entries.some(({ direction, subject }) => {
      const { identity, workload } = direction === 'egress' ? from : to;
      return identity.kind === 'pod' && selectsPod(subject, workload ?? identity.workload);
    }),
  );
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
    isSame(from, to)
      ? [WITHIN_THE_POD]
      : judge(from, to, { protocol, port, proposal }, context).map(({ step }) => step),
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

function endView({ name, identity }: End): TraceView['from'] {
  return { name, identity: identity.id, labels: [...identityLabels(identity)] };
}
