import type { Agent } from './agents.ts';
import { type FlowOfNode, mergedFlows, type ObserveRequest } from './merged-flows.ts';
import { RepeatedDrops, type ShownFlow, withRepeats } from './repeated-drops.ts';

/** Repeats of what was shown are told of so often. */
const REPEATS_MS = 1_000;
/** What is asked for grows so fast until as many lines come of it as are wanted, or there is no more. */
const GROWTH = 16;
const MOST_ASKED = 1_000_000;
const PORTION = 16_384;

export type ShowRequest = ObserveRequest & {
  /** Drops that repeat are told of one by one. */
  readonly each: boolean;
};

/** Flows of all agents as `observe` shows them: the last `last` lines of what is kept, then what comes. */
export async function* shownFlows(
  agents: readonly Agent[],
  { each, ...request }: ShowRequest,
  signal: AbortSignal,
): AsyncGenerator<ShownFlow> {
  if (each) yield* mergedFlows(agents, request, signal);
  else if (request.follow) yield* followed(mergedFlows(agents, request, signal));
  else yield* kept(agents, request, signal);
}

const isFlow = ({ message }: FlowOfNode): boolean => message.kind === 'flow';

/** So many lines as are asked for, however many flows each of them stands for. */
async function* kept(
  agents: readonly Agent[],
  request: ObserveRequest,
  signal: AbortSignal,
): AsyncGenerator<ShownFlow> {
  const { last, first } = request;
  const wanted = last ?? first;
  if (wanted === undefined) return yield* inPortions(mergedFlows(agents, request, signal));
  const oldest = last === undefined;
  for (let asked = wanted; ; asked = Math.min(asked * GROWTH, MOST_ASKED)) {
    const flows: FlowOfNode[] = [];
    const more = oldest ? { first: asked } : { last: asked };
    for await (const one of mergedFlows(agents, { ...request, ...more }, signal)) flows.push(one);
    const shown = withRepeats(flows);
    const lines = shown.filter(isFlow).length;
    const isAll = flows.filter(isFlow).length < asked;
    if (lines < wanted && !isAll && asked < MOST_ASKED && !signal.aborted) continue;
    // Others came with those that repeat.
    let skip = oldest ? 0 : Math.max(0, lines - wanted);
    let left = wanted;
    for (const one of shown) {
      if (!isFlow(one)) yield one;
      else if (skip > 0) skip -= 1;
      else if (left > 0) {
        left -= 1;
        yield one;
      }
    }
    return;
  }
}

/** All of a time may be more than fits into memory: repeats are found among so many at a time. */
async function* inPortions(flows: AsyncIterable<FlowOfNode>): AsyncGenerator<ShownFlow> {
  let portion: FlowOfNode[] = [];
  for await (const one of flows) {
    portion.push(one);
    if (portion.length < PORTION) continue;
    yield* withRepeats(portion);
    portion = [];
  }
  yield* withRepeats(portion);
}

/** Shows at once what is new, and what repeats it every now and then. */
async function* followed(flows: AsyncGenerator<FlowOfNode>): AsyncGenerator<ShownFlow> {
  const repeats = new RepeatedDrops();
  let next = flows.next();
  let until = performance.now() + REPEATS_MS;
  try {
    for (;;) {
      const timer = Promise.withResolvers<undefined>();
      const handle = setTimeout(timer.resolve, Math.max(0, until - performance.now()), undefined);
      const result = await Promise.race([next, timer.promise]);
      clearTimeout(handle);
      if (result === undefined || performance.now() >= until) {
        yield* repeats.take();
        until = performance.now() + REPEATS_MS;
      }
      if (result === undefined) continue;
      if (result.done) break;
      yield* repeats.push(result.value);
      next = flows.next();
    }
    yield* repeats.take();
  } finally {
    void flows.return(undefined).catch(() => undefined);
  }
}
