import { create, createRegistry, type MessageInitShape, toJsonString } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import type { FlowMessage } from '../../model/index.ts';
import { type ChosenSource, chosenFlows, counted, type FlowChoice, type FlowCounts } from './chosen-flows.ts';
import { flowMessage, nodeName, timestamp } from './flow-message.ts';
import type { Flow } from './gen/flow/flow_pb.js';
import { GetFlowsResponseSchema } from './gen/observer/observer_pb.js';
import { Losses } from './lost.ts';

/** A group of lines: flows, and what is missing between them. */
export type FlowLines = FlowCounts & { readonly lines: readonly string[] };

const registry = createRegistry(StringValueSchema);

/** Flows as `hubble observe -o jsonpb` prints them, as they come. Throws for filters and paths that cannot be read. */
export function flowLines(
  { hub, cluster, node }: ChosenSource,
  choice: FlowChoice,
): (signal: AbortSignal) => AsyncGenerator<FlowLines> {
  const { query, mask } = chosenFlows(choice, cluster);
  const named = nodeName(cluster, node);
  const line = (told: MessageInitShape<typeof GetFlowsResponseSchema>): string =>
    toJsonString(GetFlowsResponseSchema, create(GetFlowsResponseSchema, { ...told, nodeName: named }), {
      registry,
      useProtoFieldName: true,
    });
  return async function* lines(signal) {
    for await (const group of hub.observe(query, signal)) {
      yield {
        lines: group.flatMap((message) => responseOf(message, cluster, mask) ?? []).map(line),
        ...counted(group),
      };
    }
  };
}

function responseOf(message: FlowMessage, cluster: string, mask: (flow: Flow) => Flow) {
  if (message.kind === 'flow') {
    const { flow } = message;
    const value = mask(flowMessage(flow, cluster));
    return { time: timestamp(flow.time), responseTypes: { case: 'flow', value } } as const;
  }
  const now = Date.now();
  const losses = new Losses();
  losses.add(message.place, message.count, now);
  const [value] = losses.take(now);
  return value && ({ time: timestamp(now), responseTypes: { case: 'lostEvents', value } } as const);
}
