import type { ApiClient, ObserveLine } from '../api/index.ts';
import type { Agent } from './agents.ts';

export type ObserveRequest = NonNullable<Parameters<ApiClient['observe']>[0]> & { readonly follow: boolean };

export type FlowOfNode = { readonly node: string; readonly message: ObserveLine };

/** The flows of all agents: the last of what is kept in the order of time, and then what happens, as it comes. */
export async function* mergedFlows(
  agents: readonly Agent[],
  request: ObserveRequest,
  signal: AbortSignal,
): AsyncGenerator<FlowOfNode> {
  const streams = agents.map((agent) => flowsOf(agent, request, signal));
  if (!request.follow && streams.length > 1) yield* ofAll(await Promise.all(streams.map(gathered)), request);
  else yield* interleaved(streams);
}

async function* flowsOf(
  { node, client }: Agent,
  request: ObserveRequest,
  signal: AbortSignal,
): AsyncGenerator<FlowOfNode> {
  for await (const message of client.observe(request, signal)) yield { node, message };
}

async function gathered(stream: AsyncGenerator<FlowOfNode>): Promise<FlowOfNode[]> {
  const all: FlowOfNode[] = [];
  for await (const one of stream) all.push(one);
  return all;
}

/** What was lost is told first: it has no time of its own. Each agent gave as many as were asked for. */
function ofAll(streams: readonly FlowOfNode[][], { last, first }: ObserveRequest): FlowOfNode[] {
  const all = streams.flat();
  const time = ({ message }: FlowOfNode) => (message.kind === 'flow' ? message.flow.time : 0);
  const flows = all.filter(({ message }) => message.kind === 'flow').sort((a, b) => time(a) - time(b));
  const from = last === undefined ? 0 : Math.max(0, flows.length - last);
  return [...all.filter(({ message }) => message.kind === 'lost'), ...flows.slice(from, first ?? flows.length)];
}

/** Ends when all have ended; one that fails ends all. */
async function* interleaved(streams: readonly AsyncGenerator<FlowOfNode>[]): AsyncGenerator<FlowOfNode> {
  const next = (stream: AsyncGenerator<FlowOfNode>) => stream.next().then((result) => ({ stream, result }));
  const waiting = new Map(streams.map((stream) => [stream, next(stream)]));
  try {
    while (waiting.size > 0) {
      const { stream, result } = await Promise.race(waiting.values());
      if (result.done) waiting.delete(stream);
      else {
        waiting.set(stream, next(stream));
        yield result.value;
      }
    }
  } finally {
    // Whoever waits for a flow of a quiet agent ends with the signal, not with us.
    for (const stream of waiting.keys()) void stream.return(undefined).catch(() => undefined);
  }
}
