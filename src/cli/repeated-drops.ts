import type { Flow, FlowEnd } from '../model/index.ts';
import type { FlowOfNode } from './merged-flows.ts';

/** One line of `observe`. `count`: so many drops, of which the flow is the newest; absent: it is the only one. */
export type ShownFlow = FlowOfNode & { readonly count?: number; readonly first?: number };

/** Of so many at a time repeats are known: whoever sends from ever new ports must not cost memory. */
const MOST_KEYS = 4_096;

/**
 * Somebody who sends a thousand datagrams that nobody lets pass is one thing to know, not a thousand. Drops of the same
 * ends, ports and protocol, for the same reason and by the same rule, are one line with a count. What is lost elsewhere stays
 * where it is, in front of what came after it.
 */
export function withRepeats(flows: readonly FlowOfNode[]): ShownFlow[] {
  const counts = new Map<string, { count: number; first: number }>();
  for (const { node, message } of flows) {
    if (message.kind !== 'flow' || message.flow.type !== 'drop') continue;
    const key = keyOf(node, message.flow);
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { count: 1, first: message.flow.time });
    else known.count += 1;
  }
  // Each stands where its newest is.
  const shown: ShownFlow[] = [];
  for (const one of flows.toReversed()) {
    const { node, message } = one;
    if (message.kind !== 'flow' || message.flow.type !== 'drop') {
      shown.push(one);
      continue;
    }
    const key = keyOf(node, message.flow);
    const repeats = counts.get(key);
    if (repeats === undefined) continue;
    counts.delete(key);
    shown.push(repeats.count === 1 ? one : { ...one, ...repeats });
  }
  return shown.reverse();
}

type Pending = { last: FlowOfNode; count: number; first: number };

/** For who follows: the first of its kind is shown at once, those that repeat it when they are taken. */
export class RepeatedDrops {
  readonly #known = new Map<string, Pending>();

  /** What to show now: nothing for a repeat. */
  push(one: FlowOfNode): ShownFlow[] {
    const { node, message } = one;
    if (message.kind !== 'flow' || message.flow.type !== 'drop') return [one];
    const key = keyOf(node, message.flow);
    const known = this.#known.get(key);
    if (known !== undefined) {
      if (known.count === 0) known.first = message.flow.time;
      known.last = one;
      known.count += 1;
      return [];
    }
    const shown = this.#known.size >= MOST_KEYS ? this.take() : [];
    this.#known.set(key, { last: one, count: 0, first: message.flow.time });
    return [...shown, one];
  }

  /** What repeated since the last call. What did not is forgotten: the next of its kind is news again. */
  take(): ShownFlow[] {
    const shown: ShownFlow[] = [];
    for (const [key, pending] of this.#known) {
      const { last, count, first } = pending;
      if (count === 0) this.#known.delete(key);
      else shown.push(count === 1 ? last : { ...last, count, first });
      pending.count = 0;
    }
    return shown;
  }
}

function keyOf(node: string, { source, destination, rules, denial, ...flow }: Flow): string {
  const { protocol, dropReason, direction, hook, isReply } = flow;
  const why = [rules.ingress, rules.egress, denial?.by, denial?.policies, denial?.nearestMiss?.wants];
  return JSON.stringify([
    node,
    endKey(source),
    endKey(destination),
    protocol,
    dropReason,
    direction,
    hook,
    isReply,
    why,
  ]);
}

/** Under one address another may be met: its identity is part of it. */
function endKey({ addr, port, identity, namespace, pod }: FlowEnd): unknown[] {
  return [addr, port, identity, namespace, pod];
}
