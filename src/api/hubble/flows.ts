import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { FlowMessage } from '../../model/index.ts';
import type { FlowQuery } from '../../observe/index.ts';
import type { Caller } from './caller.ts';
import { compileFilters } from './filter/flow-filter.ts';
import { invalid } from './filter/invalid.ts';
import { flowMessage, milliseconds, nodeName, timestamp } from './flow-message.ts';
import { type GetFlowsRequest, type GetFlowsResponse, GetFlowsResponseSchema } from './gen/observer/observer_pb.js';
import { Losses } from './lost.ts';
import { orAfter } from './or-after.ts';
import type { HubbleSource } from './source.ts';
import { viewerOf } from './viewer.ts';

/** InvalidArgument for what contradicts itself. */
export function flowQuery(request: GetFlowsRequest, cluster: string): FlowQuery {
  const { number, first, follow } = request;
  if (first && follow) throw invalid('first and follow exclude each other: what comes has no end that is first');
  const since = request.since === undefined ? undefined : milliseconds(request.since);
  const until = request.until === undefined ? undefined : milliseconds(request.until);
  const { matches, about } = compileFilters(request.whitelist, request.blacklist, cluster);
  const count = Number(number);
  return {
    ...(matches === undefined ? {} : { matches }),
    ...(about === undefined ? {} : { about }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(count > 0 ? (first ? { first: count } : { last: count }) : {}),
    // Who asks for nothing in particular gets all that there is; who follows, what comes.
    ...(count === 0 && !follow && since === undefined && until === undefined ? { since: 0 } : {}),
    follow,
  };
}

type Response = MessageInitShape<typeof GetFlowsResponseSchema>;

/** Flows, and what is missing between them: told at most once a second, and never forgotten. */
export async function* flowResponses(
  source: HubbleSource,
  request: GetFlowsRequest,
  caller: Caller,
  signal: AbortSignal,
): AsyncGenerator<GetFlowsResponse> {
  const { hub, cluster, node } = source;
  const query = { ...flowQuery(request, cluster), viewer: viewerOf(source, caller) };
  const ended = new AbortController();
  const groups = hub.observe(query, AbortSignal.any([signal, ended.signal]));
  const losses = new Losses();
  const named = { nodeName: nodeName(cluster, node) };
  const lost = (now: number): GetFlowsResponse[] =>
    losses
      .take(now)
      .map((value) => response({ ...named, time: timestamp(now), responseTypes: { case: 'lostEvents', value } }));
  try {
    let next = groups.next();
    for (;;) {
      const due = losses.due(Date.now());
      const group = due === undefined ? await next : await orAfter(next, due);
      if (group === 'late') {
        yield* lost(Date.now());
        continue;
      }
      if (group.done) break;
      for (const message of group.value) {
        if (message.kind === 'lost') losses.add(message.place, message.count, Date.now());
        else yield flowResponse(message, cluster, named.nodeName);
      }
      next = groups.next();
    }
    if (!signal.aborted) yield* lost(Date.now());
  } finally {
    // A reader that waits for a flow hears of the end by the signal.
    ended.abort();
    await groups.return(undefined);
  }
}

function flowResponse(
  { flow }: Extract<FlowMessage, { kind: 'flow' }>,
  cluster: string,
  node: string,
): GetFlowsResponse {
  const value = flowMessage(flow, cluster);
  return response({
    nodeName: node,
    ...(value.time === undefined ? {} : { time: value.time }),
    responseTypes: { case: 'flow', value },
  });
}

const response = (init: Response): GetFlowsResponse => create(GetFlowsResponseSchema, init);
