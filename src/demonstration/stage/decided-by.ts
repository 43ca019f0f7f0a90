import type { TraceRequest, TraceView } from '../../api/index.ts';
import { errorMessage } from '../../base/index.ts';
import type { NodePlace } from '../../sandbox/index.ts';
import type { Stage } from './stage.ts';
import type { SeenFlow } from './witness.ts';

/** One end of an attempt, as `policy trace` names it. */
export type Attempt = Pick<TraceRequest, 'from' | 'to' | 'port' | 'protocol'>;

/** What the datapath reported about a packet, in one line. */
export function flowText(flow: SeenFlow): string {
  if (flow.verdict === 'dropped') return `drop ${flow.dropReason ?? 'unknown'} (${flow.hook}, ${flow.direction})`;
  const rules = [flow.rules.egress, flow.rules.ingress].filter((rule) => rule !== undefined);
  if (rules.length > 0) return rules.join(' and ');
  if (flow.source.labels.includes('reserved:host')) return 'default: processes of the node reach its pods';
  return 'default: no policy isolates';
}

/** The step that decided, as `policy trace` explains it. */
export function traceText(trace: TraceView): string {
  const denied = trace.steps.find((step) => step.verdict === 'denied');
  if (denied !== undefined) {
    const who = [denied.policy, denied.rule].filter((part) => part !== undefined).join(' ');
    return `${denied.direction}: ${who === '' ? denied.reason : `${who}: ${denied.reason}`}`;
  }
  return trace.steps
    .filter((step) => step.enforced)
    .map((step) => `${step.direction}: ${[step.policy, step.rule].filter((part) => part !== undefined).join(' ')}`)
    .join('; ');
}

/** Who decided about an attempt: what the datapath reported, and what the policy says to it on a node. */
export async function decidedBy(
  stage: Stage,
  attempt: Attempt,
  flow: SeenFlow | undefined,
  node: NodePlace = stage.node,
): Promise<string> {
  const reported = flow === undefined ? 'no flow was reported' : flowText(flow);
  if (flow !== undefined && flow.verdict === 'forwarded') return reported;
  try {
    return `${reported}; ${traceText(await stage.nodes.api(node).trace(attempt))}`;
  } catch (error) {
    return `${reported}; trace: ${errorMessage(error)}`;
  }
}
