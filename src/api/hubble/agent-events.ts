import { create } from '@bufbuild/protobuf';
import type { AgentNotice } from '../../observe/index.ts';
import { invalid } from './filter/invalid.ts';
import { milliseconds, nodeName, timestamp } from './flow-message.ts';
import { type AgentEvent, AgentEventSchema, AgentEventType } from './gen/flow/flow_pb.js';
import {
  type GetAgentEventsRequest,
  type GetAgentEventsResponse,
  GetAgentEventsResponseSchema,
} from './gen/observer/observer_pb.js';
import type { HubbleSource } from './source.ts';

/** What the agent did, as Hubble's clients read it. InvalidArgument for what contradicts itself. */
export async function* agentEvents(
  { notices, cluster, node }: HubbleSource,
  { number, first, follow, since, until }: GetAgentEventsRequest,
  signal: AbortSignal,
): AsyncGenerator<GetAgentEventsResponse> {
  if (first && follow) throw invalid('first and follow exclude each other: what comes has no end that is first');
  const query = {
    number: number === 0n ? undefined : Number(number),
    first,
    follow,
    since: since && milliseconds(since),
    until: until && milliseconds(until),
  };
  for await (const notice of notices.read(query, signal))
    yield create(GetAgentEventsResponseSchema, {
      nodeName: nodeName(cluster, node),
      time: timestamp(notice.time),
      agentEvent: eventOf(notice),
    });
}

function eventOf(notice: AgentNotice): AgentEvent {
  switch (notice.kind) {
    case 'started':
      return create(AgentEventSchema, {
        type: AgentEventType.AGENT_STARTED,
        notification: { case: 'agentStart', value: { time: timestamp(notice.time) } },
      });
    case 'policy-updated':
    case 'policy-deleted':
      return create(AgentEventSchema, {
        type: notice.kind === 'policy-updated' ? AgentEventType.POLICY_UPDATED : AgentEventType.POLICY_DELETED,
        notification: { case: 'policyUpdate', value: { labels: [notice.policy] } },
      });
    case 'endpoint-created':
    case 'endpoint-deleted':
      return create(AgentEventSchema, {
        type: notice.kind === 'endpoint-created' ? AgentEventType.ENDPOINT_CREATED : AgentEventType.ENDPOINT_DELETED,
        notification: {
          case: 'endpointUpdate',
          value: { id: BigInt(notice.id), namespace: notice.namespace, podName: notice.pod },
        },
      });
  }
}
