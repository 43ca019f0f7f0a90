import { setImmediate } from 'node:timers/promises';
import type { ReplayRequest, ReplayView } from '../../api/index.ts';
import { namespacedName } from '../../base/index.ts';
import {
  type Flow,
  type FlowEnd,
  type FlowMessage,
  IDENTITY_CLUSTER_MAX,
  IDENTITY_CLUSTER_MIN,
  type PodSelector,
  policyKey,
} from '../../model/index.ts';
import { isAddr, parseAddr } from '../../net/index.ts';
import type { FlowHub } from '../../observe/index.ts';
import { agentErrors } from '../errors.ts';
import { Proposal, readProposal } from './proposal.ts';
import { type End, resolveAddr, resolvePod, type TraceContext } from './trace-ends.ts';
import { type Judged, judge } from './trace-judge.ts';
import { asSeen, notReady } from './trace-path.ts';

type Pair = ReplayView['pairs'][number];
type Protocol = Parameters<typeof judge>[2]['protocol'];

/** What becomes of all flows between two ends to one port. */
type Outcome =
  | { readonly kind: 'same' | 'judged-anew' | 'gone' }
  | { readonly kind: 'unjudged'; readonly why: string }
  | { readonly kind: 'changed'; readonly pair: Omit<Pair, 'flows' | 'last'> };

export type ReplayContext = TraceContext & { readonly hub: Pick<FlowHub, 'observe'> };

/** E_AGENT_PROPOSAL; E_AGENT_NOT_FOUND: a policy that is to go is not there. */
export async function replayed(
  { proposed, deleted, staged, since = 0 }: ReplayRequest,
  { hub, ...context }: ReplayContext,
): Promise<ReplayView> {
  const gone = deleted.map(policyKey);
  for (const key of gone) {
    if (context.intent.policies.get(key) === undefined)
      throw agentErrors.make('E_AGENT_NOT_FOUND', { detail: `${key} is to be deleted, and is not there` });
  }
  const alike = staged ? context.policies.staged.policies : undefined;
  const replay = new Replay(readProposal(proposed, gone, alike), context);
  for await (const messages of hub.observe({ since }, NEVER)) {
    for (const message of messages) replay.take(message);
    await setImmediate();
  }
  return replay.view;
}

/** Somebody may have tried every port of everybody. */
const MOST_PAIRS = 10_000;
/** Of what may be found again, if need be. */
const MOST_KEPT = 100_000;

const NEVER = new AbortController().signal;

const PROTOCOLS: readonly string[] = ['TCP', 'UDP', 'SCTP', 'ICMP'] satisfies Protocol[];

/**
 * Asks of flows that were what would become of them: by what policies say now, and by what they would say. What an identity
 * or an address is, and what tenants say, is as it is now. A flow is judged at both its ends, wherever the other is: all agents
 * know all policies.
 */
export class Replay {
  readonly #now = new Proposal();
  readonly #then: Proposal;
  readonly #context: TraceContext;
  /** Keys of labels that the identities of other nodes' pods do not tell of, by who selects by them. */
  readonly #untold: readonly { readonly selector: PodSelector; readonly key: string }[];
  readonly #outcomes = new Map<string, Outcome>();
  readonly #pairs = new Map<string, PairCount>();
  readonly #seen = new Set<string>();
  readonly #flows = { opened: 0, dropped: 0 };
  readonly #lost = { kernel: 0, store: 0, reader: 0 };
  readonly #past = { judgedAnew: 0, gone: 0 };
  readonly #unjudged = new Map<string, number>();
  readonly #beyond = { stops: 0, opens: 0 };

  constructor(proposal: Proposal, context: TraceContext) {
    this.#then = proposal;
    this.#context = context;
    this.#untold = proposal.selectors.flatMap(({ selector, home }) =>
      context.identities.untold(selector, home).map((key) => ({ selector, key })),
    );
  }

  take(message: FlowMessage): void {
    if (message.kind === 'lost') this.#lost[message.place] += message.count;
    else this.#takeFlow(message.flow);
  }

  get view(): ReplayView {
    const pairs = Array.from(this.#pairs.values(), (pair) => pair.view).sort((a, b) => b.flows - a.flows);
    const unjudged = Array.from(this.#unjudged, ([why, flows]) => ({ why, flows }));
    return {
      node: this.#context.nodeName,
      flows: this.#flows,
      lost: this.#lost,
      pairs,
      beyond: this.#beyond,
      past: this.#past,
      unjudged,
    };
  }

  #takeFlow(flow: Flow): void {
    const flowed = flow.type === 'open' || flow.type === 'renew';
    if (!flowed && flow.dropReason !== 'policy-egress' && flow.dropReason !== 'policy-ingress') return;
    const [opener, responder] = flow.isReply ? [flow.destination, flow.source] : [flow.source, flow.destination];
    const { protocol, direction } = flow;
    this.#flows[flowed ? 'opened' : 'dropped'] += 1;
    const key = `${endKey(opener)} ${endKey(responder)} ${responder.port} ${protocol} ${flowed}`;
    const outcome = this.#outcomes.get(key) ?? this.#outcomeOf(flow, { opener, responder, flowed });
    if (this.#outcomes.size >= MOST_KEPT) this.#outcomes.clear();
    this.#outcomes.set(key, outcome);
    switch (outcome.kind) {
      case 'same':
        return;
      case 'judged-anew':
        this.#past.judgedAnew += 1;
        return;
      case 'gone':
        this.#past.gone += 1;
        return;
      case 'unjudged':
        this.#unjudged.set(outcome.why, (this.#unjudged.get(outcome.why) ?? 0) + 1);
        return;
      case 'changed': {
        // What is judged anew opened before, and who is refused tries again: each is one.
        const ends = `${opener.addr} ${opener.port} ${responder.addr} ${responder.port} ${protocol} ${direction} ${flowed}`;
        const isNew = !this.#seen.has(ends);
        if (this.#seen.size >= MOST_KEPT) this.#seen.clear();
        this.#seen.add(ends);
        if (flow.type === 'open' || isNew) this.#count(key, outcome.pair, flow);
      }
    }
  }

  #count(key: string, what: PairCount['what'], { direction, time }: Flow): void {
    const pair = this.#pairs.get(key) ?? new PairCount(what);
    if (this.#pairs.size < MOST_PAIRS) this.#pairs.set(key, pair);
    if (this.#pairs.has(key)) pair.add(direction, time);
    else this.#beyond[what.change] += 1;
  }

  #outcomeOf(
    { protocol }: Flow,
    { opener, responder, flowed }: { opener: FlowEnd; responder: FlowEnd; flowed: boolean },
  ): Outcome {
    if (!isJudged(protocol)) return { kind: 'unjudged', why: `what ${protocol} is, policies are not asked here` };
    const context = this.#context;
    const [from, to] = [this.#endOf(opener), this.#endOf(responder)];
    if (from === undefined || to === undefined) return { kind: 'gone' };
    if (notReady(asSeen(from, to, context), asSeen(to, from, context), context) !== undefined) return { kind: 'gone' };
    const untold = this.#untoldOf(from) ?? this.#untoldOf(to);
    if (untold !== undefined) return { kind: 'unjudged', why: untold };
    const asked = { protocol, port: protocol === 'ICMP' ? undefined : responder.port };
    const now = judge(from, to, { ...asked, proposal: this.#now }, context);
    const then = judge(from, to, { ...asked, proposal: this.#then }, context);
    if (isAllowed(now) !== flowed) return { kind: 'judged-anew' };
    if (isAllowed(then) === flowed) return { kind: 'same' };
    // What denies, or what now stands where it was denied.
    const denial = (flowed ? then : now).at(-1);
    const deciding = flowed ? denial : then.find(({ step }) => step.direction === denial?.step.direction);
    if (deciding === undefined) return { kind: 'same' };
    const { step, by } = deciding;
    return {
      kind: 'changed',
      pair: {
        change: flowed ? 'stops' : 'opens',
        from: from.name,
        to: to.name,
        ...asked,
        direction: step.direction,
        policies: [...by],
        rule: step.rule,
        reason: step.reason,
      },
    };
  }

  /** Who is there now; undefined: whoever it was is gone. */
  #endOf({ namespace, pod, addr, identity }: FlowEnd): End | undefined {
    if (!isAddr(addr)) return undefined;
    if (namespace !== undefined && pod !== undefined) {
      const end = resolvePod(namespacedName({ namespace, name: pod }), this.#context);
      return end && { ...end, addr: parseAddr(addr) };
    }
    const end = resolveAddr(parseAddr(addr), this.#context);
    const wasPod = identity >= IDENTITY_CLUSTER_MIN && identity <= IDENTITY_CLUSTER_MAX;
    return wasPod === (end.identity.kind === 'pod') ? end : undefined;
  }

  /** What would have to be known of a pod of another node. */
  #untoldOf({ name, identity, workload }: End): string | undefined {
    if (identity.kind !== 'pod' || workload !== undefined) return undefined;
    const { namespace } = identity.workload;
    const asked = this.#untold.find(({ selector }) => (selector.namespace.name ?? namespace) === namespace);
    return asked && `label ${asked.key} of ${name}, a pod of another node, is not told until a policy selects by it`;
  }
}

class PairCount {
  readonly what: Omit<Pair, 'flows' | 'last'>;
  /** A connection within the node is seen at both its ends. */
  readonly #seenAt = { ingress: 0, egress: 0 };
  #last = 0;

  constructor(what: PairCount['what']) {
    this.what = what;
  }

  add(direction: Flow['direction'], time: number): void {
    this.#seenAt[direction] += 1;
    this.#last = Math.max(this.#last, time);
  }

  get view(): Pair {
    return { ...this.what, flows: Math.max(this.#seenAt.ingress, this.#seenAt.egress), last: this.#last };
  }
}

const endKey = ({ namespace, pod, addr, identity }: FlowEnd): string => `${namespace}/${pod}/${addr}/${identity}`;

const isAllowed = (judged: readonly Judged[]): boolean => judged.every(({ step }) => step.verdict === 'allowed');

const isJudged = (protocol: string): protocol is Protocol => PROTOCOLS.includes(protocol);
