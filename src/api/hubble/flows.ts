import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FlowQuery } from '../../observe/index.ts';
import type { Caller } from './caller.ts';
import { askedFields } from './field-mask.ts';
import { compileFilters } from './filter/flow-filter.ts';
import { invalid } from './filter/invalid.ts';
import { type FlowInit, flowInit, milliseconds, nodeName, timestamp } from './flow-message.ts';
import { type GetFlowsRequest, GetFlowsResponseSchema } from './gen/observer/observer_pb.js';
import { Losses } from './lost.ts';
import { MessageWriter } from './message-writer.ts';
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

/** Flows as they are sent, some at a time, and what is missing between them: told at most once a second, and never forgotten. */
export async function* flowResponses(
  source: HubbleSource,
  request: GetFlowsRequest,
  caller: Caller,
  signal: AbortSignal,
): AsyncGenerator<readonly Uint8Array[]> {
  const { hub, cluster, node } = source;
  const query = { ...flowQuery(request, cluster), viewer: viewerOf(source, caller) };
  const ended = new AbortController();
  const groups = hub.observe(query, AbortSignal.any([signal, ended.signal]));
  const losses = new Losses();
  const asked = askedFields(request.fieldMask);
  const named = { nodeName: nodeName(cluster, node) };
  const lost = (now: number): Uint8Array[] =>
    losses
      .take(now)
      .map((value) => encoded({ ...named, time: timestamp(now), responseTypes: { case: 'lostEvents', value } }));
  const flowOf = (init: FlowInit): Uint8Array =>
    encoded({
      ...named,
      ...(init.time === undefined ? {} : { time: init.time }),
      responseTypes: { case: 'flow', value: asked(init) },
    });
  try {
    let next = groups.next();
    for (;;) {
      const due = losses.due(Date.now());
      const group = due === undefined ? await next : await orAfter(next, due);
      if (group === 'late') {
        yield lost(Date.now());
        continue;
      }
      if (group.done) break;
      const flows: Uint8Array[] = [];
      for (const message of group.value) {
        if (message.kind === 'lost') losses.add(message.place, message.count, Date.now());
        else flows.push(flowOf(flowInit(message.flow, cluster)));
      }
      if (flows.length > 0) yield flows;
      next = groups.next();
    }
    if (!signal.aborted) yield lost(Date.now());
  } finally {
    // A reader that waits for a flow hears of the end by the signal.
    ended.abort();
    await groups.return(undefined);
  }
}

const writer = new MessageWriter(GetFlowsResponseSchema);
const encoded = (init: Response): Uint8Array => writer.write(init);
